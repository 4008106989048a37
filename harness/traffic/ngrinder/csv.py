"""nGrinder's CSV of a test → one sample a second. Pure.

Its charts are padded and thinned; the CSV has one row for every interval, stamped at the interval's
end with whole seconds in the controller's time zone. A row that is late leaves its second out, and one
written twice would count twice: both are told apart from the harmless jitter of the stamps.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harness.errors import LoadGeneratorFailed
from harness.records.series import Sample

ZONE_STEP_S = 900  # time zones differ by quarters of an hour


@dataclass(frozen=True)
class Row:
    """One interval: the Unix second it ended in, users, successes, failures, mean time of the successes."""

    ended: int
    users: int
    completed: int
    failed: int
    mean_ms: float


def parse(text: str, started_at: float) -> list[Row]:
    """Rows of a test's CSV; `started_at` is its start in Unix seconds, which tells the time zone.

    Raises LoadGeneratorFailed when the text is not such a CSV.
    """
    rows: list[Row] = []
    zone_s: int | None = None
    try:
        for said in csv.DictReader(io.StringIO(text)):
            stamp = datetime.strptime(said["DateTime"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
            if zone_s is None:
                zone_s = round((stamp - started_at) / ZONE_STEP_S) * ZONE_STEP_S
            if None in said:
                raise LoadGeneratorFailed(
                    "nGrinder's CSV has more values than columns: its Java writes decimal commas; it must run with "
                    "-Duser.language=en, as its unit says"
                )
            mean = said["Mean_Test_Time_(ms)"] or "0"
            row = Row(int(stamp) - zone_s, int(said["vuser"]), int(said["Tests"]), int(said["Errors"]), float(mean))
            rows.append(row)
    except (KeyError, TypeError, ValueError) as error:
        raise LoadGeneratorFailed(f"nGrinder's CSV cannot be read: {error!r}") from None
    return rows


def aligned(rows: list[Row]) -> list[tuple[int, Row]]:
    """(second, row) with each row's own second.

    Stamps are cut to whole seconds, so 05, 05, 07 and 05, 07, 07 are three seconds in a row. A jump
    that no neighbour makes up for stays a gap. A row that repeats the one before to the last digit is
    left out: no two seconds of a load are that much alike.
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
    """Successes and failures of a whole load, without the success by which each user said that it was there.

    The test's own sums, else those of its rows, each row once; the two are equal, however late rows are.
    """
    once = [row for _, row in aligned(rows)]
    completed, failed = sum(row.completed for row in once), sum(row.failed for row in once)
    return {
        "completed": max(0, int(test.get("tests") or completed) - users),
        "failed": int(test.get("errors") or failed),
    }


def samples(rows: list[Row], t0: int, duration_s: float) -> list[Sample]:
    """One sample for every row from second 0 (Unix time `t0`) until the last answer.

    Rows are up to a second late and span no whole second, so their counts only serve where no balancer's log is there.
    What nGrinder does not count stays empty: requests in flight, think times, its own delay.
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
