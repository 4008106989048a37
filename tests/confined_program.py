"""`python -m tests.confined_program`: `memory` exceeds the memory limit, `waits FILE` starts processes that wait.

FILE gets their process IDs: of a child, of an orphan, and of a child in its own session.
"""

import subprocess
import sys
import time
from pathlib import Path

from harness.deploy import confined_process


def main() -> None:
    confined_process.confine()
    if sys.argv[1] == "memory":
        bytearray(confined_process.MEMORY + 1)
    waiting = [sys.executable, "-c", "import time; time.sleep(3600)"]
    own = subprocess.Popen(waiting)
    # An orphan: the shell that started it has ended.
    orphan = subprocess.run(["sh", "-c", f"'{sys.executable}' -c 'import time; time.sleep(3600)' >&2 & echo $!"],
                            capture_output=False, stdout=subprocess.PIPE, text=True, check=True).stdout  # fmt: skip
    session = subprocess.Popen(waiting, start_new_session=True)
    part = Path(sys.argv[2]).with_suffix(".part")
    part.write_text(f"{own.pid} {orphan.strip()} {session.pid}")
    part.rename(sys.argv[2])
    time.sleep(3600)


if __name__ == "__main__":
    main()
