"""What a study says of itself before anybody waits for it."""

from __future__ import annotations

from harness.grid.cell import expand
from harness.judge import prediction
from harness.plan import predicted_idle
from harness.study import identity
from harness.study.config import Setting
from harness.summarise.capacity import window
from harness.words import load_name


def sentences(setting: Setting) -> list[str]:
    """All of it: what will be found as far as that is known, and how much will be measured."""
    rests = predicted_idle.sentences(setting.terms.predicted_idle, setting.grid, setting.real_think_s)
    off = ["evidence: {predicted_idle: false} measures every cell in every block"] if rests else []
    return [*masks(setting), *bounds(setting), *motion(setting), *losses(setting), *rests, *off, *rule(setting)]


def bounds(setting: Setting) -> list[str]:
    """What the load can ask for and the servers can give, where their capacity is known beforehand."""
    if not setting.capacity_per_s:
        return []
    cells = expand(setting.grid)
    if setting.grid.is_open:
        return prediction.of_rates(
            [(cell.rate, setting.grid.played_per_s(cell.rate)) for cell in cells],
            sorted({cell.servers for cell in cells}),
            setting.capacity_per_s,
        )
    return prediction.sentences(
        sorted({cell.vusers for cell in cells}),
        sorted({cell.servers for cell in cells}),
        setting.capacity_per_s,
        setting.service_s,
        setting.grid.load.think_time,
    )


def masks(setting: Setting) -> list[str]:
    """That nobody can tell whether a secret changed, where the study began with another key of masks."""
    begun = setting.directory.study()
    if begun is None or not identity.is_foreign(begun.configuration):
        return []
    return [
        "the secrets of this study were masked with another key, on another machine or before the key was lost: "
        "whether they changed since then cannot be told"
    ]


def motion(setting: Setting) -> list[str]:
    """By how much slower than real it is played, where it is."""
    factor = setting.time_scaling or 1.0
    if factor == 1:
        return []
    return [f"in slow motion: every time is {factor:g} times as long and every rate {factor:g} times lower"]


def losses(setting: Setting) -> list[str]:
    """When servers are stopped on purpose, and that they are brought back; nothing where none is."""
    most = max(cell.fail_servers for cell in expand(setting.grid))
    if not most:
        return []
    who = "the last server is" if most == 1 else f"up to {most} of the last servers are"
    at_s = setting.grid.load.fail_at_s
    return [f"where a cell loses servers, {who} stopped at second {at_s:g} of each trial, and brought back after it"]


def rule(setting: Setting) -> list[str]:
    """How much will be measured, where that is not a number settled beforehand."""
    found, repeats, searched = [], setting.grid.repeats, setting.grid.search
    if searched is not None:
        found.append(
            f"searches the limit of each topology from {load_name({searched.factor: searched.least})} to "
            f"{load_name({searched.factor: searched.most})}; the other trials follow from what is found"
        )
        short = window.too_short(setting.grid)
        found += [short] if short else []
    if not repeats.fixed:
        target = f"±{repeats.target(setting.inventory.kind):.0%}"
        found.append(
            f"{repeats.min} blocks, then up to {repeats.max} of the watched cells until every watched gain is "
            f"within {target}"
        )
    return found
