"""The afternoon by hand that this began with, beside what was measured here. Pure."""

from __future__ import annotations

from harness.gains import Gain
from harness.summary import CellSummary
from report import format as text
from report.parts import Table

WHY = (
    "The article read single peaks off graphs, by eye, once: a ratio of two such peaks is about twice as noisy as"
    " one of means, and the maximum grows with the length of a run. Its 1.8 and then 1.46 lie nearer to the ideal"
    " in the second step than in the first, which neither contention nor coherency does; with 2 % of reading "
    "error these readings cannot tell whether that is noise or a first server that was read too high before it "
    "went down. Its think time and connections are not known, and its hosts were others. That a third server "
    "showed no gain at 1000 users is what users who think do: they ask for no more."
)


def table(gains: list[Gain], cells: list[CellSummary]) -> Table | None:
    """Its readings beside ours; None where this study has not the article's cells."""
    ours = {(g.others.get("vusers"), g.from_servers, g.to_servers): g for g in gains if set(g.others) == {"vusers"}}
    alone = [c for c in cells if c.cell == {"servers": 1, "vusers": 2000}]
    wanted = [(2000, 1, 2, "about 1.8×"), (2000, 2, 3, "about 1.46×"), (1000, 2, 3, "no gain")]
    if not alone or not all((users, a, b) in ours for users, a, b, _ in wanted):
        return None
    rows = []
    for users, a, b, read in wanted:
        gain = ours[users, a, b]
        measured = f"{text.ratio(gain.ratio)} {text.ratio_interval(gain.ratio)}"
        rows.append([f"{users} users, {a} → {b} servers", read, measured, gain.word])
    outcome = alone[0].outcome.replace("_", " ")
    rows.append(["2000 users, 1 server", "went down", text.rate_interval(alone[0].tps), outcome])
    return Table(["reading", "article", "here", "what may be said"], rows, (2,))
