"""`python -m tests.full_disk FOLDER`: a study whose disk fills up, is mounted read-only, and has room again.

To be run in a mount namespace of its own (`unshare --mount`). Prints what each call said as a JSON list.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.errors import StudyError
from harness.records.directory import StudyDirectory
from harness.study import check
from report import build
from tests.study_stubs import FakeSite

LOADED: dict[str, Any] = {"factors": {"servers": [1, 2], "vusers": [1000]}, "repeats": 4}


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)


def told(what: Any) -> str:
    try:
        return str(what())
    except StudyError as error:
        return f"{type(error).__name__}: {error}"


def main() -> None:
    folder, said = Path(sys.argv[1]), []
    mount(folder, "size=160k")
    said.append(told(FakeSite().study(folder, **LOADED).run))
    (study,) = (StudyDirectory(file.parent) for file in folder.glob("*/study.json"))
    before = study.trials()
    said.append(f"{len(before)} trials, left: {[p.name for p in study.path.rglob('.*') if p.name != '.lock']}")
    said.append(told(lambda: build.write(study, ("html",))))
    mount(folder, "remount,ro")
    said.append(told(FakeSite().study(folder, **LOADED).run))
    said.append(told(lambda: build.write(study, ("html",))))
    mount(folder, "remount,rw,size=64m")
    said.append(told(FakeSite().study(folder, **LOADED).run))
    after = study.trials()
    said.append(f"the first are as they were: {all(after[where] == record for where, record in before.items())}")
    said.append(
        f"{len(after)} trials; {[line.text for line in check.check(study) if not line.ok and line.rule == 'digest']}"
    )
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
