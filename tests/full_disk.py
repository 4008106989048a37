"""`python -m tests.full_disk FOLDER`: a study whose disk fills up, is mounted read-only, and then has free space again.

Run it in its own mount namespace (`unshare --mount`). It prints the result or error of each call as a JSON list.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
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


def outcome(action: Callable[[], object]) -> str:
    """Return the result of an action, or its error, as text."""
    try:
        return str(action())
    except StudyError as error:
        return f"{type(error).__name__}: {error}"


def main() -> None:
    folder, outcomes = Path(sys.argv[1]), []
    mount(folder, "size=160k")
    outcomes.append(outcome(FakeSite().study(folder, **LOADED).run))
    (study,) = (StudyDirectory(file.parent) for file in folder.glob("*/study.json"))
    before = study.trials()
    outcomes.append(f"{len(before)} trials, left: {[p.name for p in study.path.rglob('.*') if p.name != '.lock']}")
    outcomes.append(outcome(lambda: build.write(study, ("html",))))
    mount(folder, "remount,ro")
    outcomes.append(outcome(FakeSite().study(folder, **LOADED).run))
    outcomes.append(outcome(lambda: build.write(study, ("html",))))
    mount(folder, "remount,rw,size=64m")
    outcomes.append(outcome(FakeSite().study(folder, **LOADED).run))
    after = study.trials()
    unchanged = all(after[where] == record for where, record in before.items())
    outcomes.append(f"the first trials are unchanged: {unchanged}")
    outcomes.append(
        f"{len(after)} trials; {[line.text for line in check.check(study) if not line.ok and line.rule == 'digest']}"
    )
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    main()
