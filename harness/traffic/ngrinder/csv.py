"""nGrinder's CSV of a test → one sample a second. Pure.

nGrinder pads and thins its charts. The CSV has one row for each interval, with the interval's end in whole seconds in
the controller's time zone. A late row leaves its second out, and a row that is written twice would count twice; both
are distinguished from harmless jitter of the timestamps.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harness.errors import LoadGeneratorFailed
from harness.records.failure_kind import FailureCategory
from harness.records.series import Sample

ZONE_STEP_S = 900  # time zones differ by quarters of an hour


@dataclass(frozen=True, kw_only=True)
class Row:
    """One interval: the Unix second of its end, users, successes, failures, mean response time of the successes.

    `incomplete` are the failures of which the script reported that the body ended early.
    """

    ended: int
    users: int
    completed: int
    failed: int
    mean_ms: float
    incomplete: int = 0


def parse(text: str, started_at: float) -> list[Row]:
    """Rows of a test's CSV. `started_at` is the test's start in Unix seconds, from which the time zone follows.

    Raises LoadGeneratorFailed if the text is not such a CSV.
    """
    rows: list[Row] = []
    zone_s: int | None = None
    try:
        for fields in csv.DictReader(io.StringIO(text)):
            ended = datetime.strptime(fields["DateTime"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
            if zone_s is None:
                zone_s = round((ended - started_at) / ZONE_STEP_S) * ZONE_STEP_S
            if None in fields:
                raise LoadGeneratorFailed(
                    "nGrinder's CSV has more values than columns, because its Java writes decimal commas. "
                    "Fix: start it with -Duser.language=en, as its unit does."
                )
            # The script reports the kind of such a failure with a success of 0 ms (`incomplete` in load.groovy).
            incomplete, tests = int(fields["Response_errors"]), int(fields["Tests"])
            completed = max(0, tests - incomplete)
            row = Row(
                ended=int(ended) - zone_s,
                users=int(fields["vuser"]),
                completed=completed,
                failed=int(fields["Errors"]),
                mean_ms=float(fields["Mean_Test_Time_(ms)"] or "0") * (tests / completed if completed else 1.0),
                incomplete=incomplete,
            )
            rows.append(row)
    except (KeyError, TypeError, ValueError) as error:
        raise LoadGeneratorFailed(f"cannot read nGrinder's CSV: {error!r}") from None
    return rows


def aligned(rows: list[Row]) -> list[tuple[int, Row]]:
    """(second, row) with each row's own second.

    Timestamps are truncated to seconds, so 05, 05, 07 and 05, 07, 07 are three consecutive seconds. Any other
    jump is a gap. A row that is identical to the one before is left out: no two seconds of a load have the same values.
    """
    found: list[tuple[int, Row]] = []
    for index, row in enumerate(rows):
        if index and row == rows[index - 1] and row.completed:
            continue
        second = row.ended
        if found:
            before = found[-1][0]
            following = rows[index + 1].ended if index + 1 < len(rows) else None
            if second <= before or (second == before + 2 and following == second):
                second = before + 1
        found.append((second, row))
    return found


def totals(test: dict[str, Any], rows: list[Row], users: int) -> dict[str, int]:
    """Successes and failures of a whole load, without the success with which each user reports its start.

    They are the test's own sums, else those of its rows, each row once. Both are equal, even if rows are late.
    """
    once = [row for _, row in aligned(rows)]
    completed, failed, incomplete = (
        sum(getattr(row, name) for row in once) for name in ("completed", "failed", "incomplete")
    )
    return {
        "completed": max(0, int(test.get("tests") or completed + incomplete) - incomplete - users),
        "failed": int(test.get("errors") or failed),
    }


def errors(failed: int, rows: list[Row]) -> dict[str, int]:
    """Return kind of failure → requests, of `failed` in all; the kind `failed` has all but incomplete bodies."""
    incomplete = min(failed, sum(row.incomplete for _, row in aligned(rows)))
    counts = {FailureCategory.FAILED: failed - incomplete, FailureCategory.INCOMPLETE: incomplete}
    return {str(category): count for category, count in counts.items() if count}


def samples(rows: list[Row], t0: int, duration_s: float) -> list[Sample]:
    """One sample for each row from second 0 (Unix time `t0`) until the last response.

    Rows are up to a second late and do not match whole seconds, so their counts only serve without a balancer's log.
    Fields that nGrinder does not count are None: requests in flight, think times, its own delay.
    """
    placed = [(second - t0, row) for second, row in aligned(rows) if second >= t0]
    last = max((t for t, row in placed if row.completed or row.failed), default=-1)
    until = max(last, round(duration_s) - 1)
    return [
        Sample(
            t_s=t,
            completed=row.completed,
            failed=row.failed,
            users=float(row.users),
            in_flight=None,
            mean_ms=row.mean_ms if row.completed else None,
            think_s=None,
            thinks=None,
            busiest_cpu_s=None,
            lag_ms=None,
        )
        for t, row in placed
        if t <= until
    ]
