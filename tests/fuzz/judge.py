"""Faults that no call of the program may have, for any input: hangs, tracebacks, too much memory, missing messages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.fuzz.warm import Answer, Warm

CODES = {0, 1, 2, 3, 4}  # 70 is documented, but is always a bug
SLOWER = 30  # times the duration of the undamaged call: more than on a busy machine, less than a hang
LONGEST = 900  # characters of a message
INTERNAL = re.compile(r"Input should|pydantic|<class|object at 0x|NoneType|unhashable|function-|[a-z]Error\b")
LARGER = 3  # times the memory of the undamaged call


class Limits:
    """Limits of time and memory for a call, from an undamaged call."""

    def __init__(self, warm: Warm, undamaged: list[str]) -> None:
        self._warm = warm
        self._undamaged = undamaged
        self.seconds = self.memory_kb = 0.0
        self._measure()

    def _measure(self) -> None:
        answers = [self._warm.run(self._undamaged, 600) for _ in range(3)]
        assert {answer.code for answer in answers} <= {0, 1}, answers[0].err
        self.seconds = SLOWER * max(answer.seconds for answer in answers)
        self.memory_kb = LARGER * max(answer.memory_kb for answer in answers)

    def run(self, arguments: list[str]) -> Answer:
        """Run a command line; if it hangs, measure the undamaged call again and run it once more."""
        answer = self._warm.run(arguments, self.seconds)
        if answer.code is None:
            self._measure()
            answer = self._warm.run(arguments, self.seconds)
        return answer


def is_text(file: Path) -> bool:
    """Return whether a message can have a line number: only for a file with text."""
    try:
        return file.is_file() and bool(file.read_text(encoding="utf-8").strip())
    except (UnicodeDecodeError, OSError):
        return False


def faults(answer: Answer, limits: Limits, *names: Path, line: bool = False) -> list[str]:
    """Return the faults of an answer. Its message must contain one of these paths, with `line` also a line number."""
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
        errors = [text.removeprefix("error: ") for text in answer.err.splitlines() if text.startswith("error: ")]
        place = rf"({'|'.join(re.escape(str(name)) for name in names)})\S*" + (r":\d+: " if line else r"")
        if not errors:
            found.append("no message")
        elif not any(re.search(place, text) for text in errors):
            found.append("a message without its file" + (" and line" if line else ""))
    return found


def message_faults(problems: Iterable[str], *places: Path) -> list[str]:
    """Return the faults of messages about bad input, each of which begins with a place, a line and a key."""
    found, seen = [], set()
    for problem in problems:
        place = next((place for place in places if problem.startswith(f"{place}:")), None)
        words = problem.removeprefix(f"{place}:")
        if place is None or not re.match(r"\d+: \S", words):
            found.append(f"no file and line: {problem}")
        if INTERNAL.search(words):
            found.append(f"the words of a library: {problem}")
        if len(words) > LONGEST:
            found.append(f"{len(words)} characters: {problem:.300}")
        if problem in seen:
            found.append(f"twice: {problem}")
        seen.add(problem)
    return found


def summary(failed: list[str], tried: int) -> str:
    """Format the failures of a run for an assertion."""
    return f"{len(failed)} of {tried}:\n" + "\n".join(failed[:20])
