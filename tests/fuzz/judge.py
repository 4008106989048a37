"""What no answer of the program may be, whatever it is given."""

from __future__ import annotations

import re
from pathlib import Path

from tests.fuzz.warm import Answer, Warm

CODES = {0, 1, 2, 3, 4}  # 70 is documented, and always a bug
SLOWER = 30  # times as long as the undamaged call: far above what a busy machine adds, far below a hang
LARGER = 3  # times as much memory


class Limits:
    """What the undamaged call takes, and how much more any other may."""

    def __init__(self, warm: Warm, arguments: list[str]) -> None:
        answers = [warm.run(arguments, 600) for _ in range(3)]
        assert {answer.code for answer in answers} == {0}, answers[0].err
        self.seconds = SLOWER * max(answer.seconds for answer in answers)
        self.memory_kb = LARGER * max(answer.memory_kb for answer in answers)


def faults(answer: Answer, limits: Limits, names: Path, line: bool = False) -> list[str]:
    """Everything that is wrong with an answer; `names` must be named by its message, with a line where there is one."""
    found = []
    if answer.code is None:
        return [f"hung for more than {limits.seconds:.0f} s"]
    if answer.code not in CODES:
        found.append(f"exit code {answer.code}")
    if "Traceback (most recent call last)" in answer.out + answer.err:
        found.append("a traceback")
    if answer.memory_kb > limits.memory_kb:
        found.append(f"{answer.memory_kb // 1024} MB of memory")
    if answer.code in (2, 4):
        said = [text.removeprefix("error: ") for text in answer.err.splitlines() if text.startswith("error: ")]
        place = rf"{re.escape(str(names))}\S*" + (r":\d+: " if line else r"")
        if not said:
            found.append("no message")
        elif not any(re.search(place, text) for text in said):
            found.append("a message without its file" + (" and line" if line else ""))
    return found


def told(failed: list[str], tried: int) -> str:
    """The failures of a run, for an assertion."""
    return f"{len(failed)} of {tried}:\n" + "\n".join(failed[:20])
