"""The afternoon by hand that this began with, beside what was measured here. Pure."""

from __future__ import annotations

from harness.summarise.cells.cell import CellSummary
from harness.summarise.gains.gain import Gain
from report import format as text
from report.elements import Table

NOT_HERE = (
    "The article’s cells (1, 2 and 3 servers at 1000 and at 2000 users) are not in this study; grids/article.yaml "
    "measures them. It read about 1.8× for the second server and 1.46× for the third at 2000 users, where one server "
    "alone went down, and no gain from the third at 1000."
)
WHY = (
    "The article read single peaks off graphs, by eye, once: a ratio of two such peaks is about twice as noisy as"
    " one of means, and the maximum grows with the length of a run. Its 1.8 and then 1.46 lie nearer to the ideal"
    " in the second step than in the first, which neither contention nor coherency does; with 2 % of reading "
    "error these readings cannot tell whether that is noise or a first server that was read too high before it "
    "went down. Its think time and connections are not known, and its hosts were others. That a third server "
    "showed no gain at 1000 users is what users who think do: they ask for no more."
)


READ = (
    (2000, 1, 2, "about 1.8×"),
    (2000, 2, 3, "about 1.46×"),
    (1000, 2, 3, "no gain"),
)
ABSENT = "not in this study"


def why(beside: Table | None, calibration: bool) -> str:
    """What is to be said of the table, or instead of it."""
    if calibration:
        return "This study measures the instrument, with servers of known capacity: nothing of the article is in it."
    return NOT_HERE if beside is None else WHY


def table(gains: list[Gain], cells: list[CellSummary]) -> Table | None:
    """Its readings beside ours, as far as this study has them; None where it has none of the article's cells."""
    ours = {(g.others.get("vusers"), g.from_servers, g.to_servers): g for g in gains if set(g.others) == {"vusers"}}
    alone = next((c for c in cells if c.cell == {"servers": 1, "vusers": 2000}), None)
    if alone is None and not any((users, a, b) in ours for users, a, b, _ in READ):
        return None
    rows = []
    for users, a, b, read in READ:
        gain = ours.get((users, a, b))
        reading = f"{users} users, {a} → {b} servers"
        if gain is None:
            rows.append([reading, read, text.NOTHING, ABSENT])
            continue
        rows.append([reading, read, text.ratio_with_interval(gain.ratio), gain.conclusion_text])
    here = [text.rate_interval(alone.tps), alone.outcome.replace("_", " ")] if alone else [text.NOTHING, ABSENT]
    rows.append(["2000 users, 1 server", "went down", *here])
    return Table(["reading", "article", "here", "what may be said"], rows, (2,))
