"""Check a whole grid: names of variables, levels, cells, folders and requests. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.grid import (
    http,
    ngrinder_limits,
    objectives,
    row_checks,
    server_failure,
    server_type_checks,
    target_checks,
)
from harness.grid.amount import Search
from harness.grid.cell import OWN_FACTORS, Cell
from harness.grid.cells import FixedCells
from harness.grid.gate import IMAGE
from harness.grid.load import BALANCER, check_level, written
from harness.grid.schema import MOST_CELLS, Grid
from harness.grid.traffic_checks import TrafficChecker
from harness.grid.types import Level
from harness.grid.yamldata import Path_
from harness.words import nearest, short

LONGEST_FOLDER = 240  # bytes of a name, by what file systems allow
MOST_TRIALS = 20_000

Problem = tuple[Path_, str]


class AcceptedValues(Protocol):
    """Values that the roles accept for their variables; `deploy/role_values.py` reads them."""

    def wrong(self, name: str, value: object) -> list[Problem]:
        """Return (path inside the value, message) for each problem."""

    def as_typed(self, name: str, value: Any) -> Any:
        """Convert a value to the type of its role variable."""


@dataclass(frozen=True)
class Checker:
    """Checks of one grid. `role_variables` are the allowed names of factors next to the grid's own."""

    grid: Grid
    role_variables: frozenset[str]
    values: AcceptedValues | None = None
    replaced: frozenset[Path_] = frozenset()  # invalid values, of which nothing is known

    def all(self) -> Iterator[Problem]:
        """Yield all problems, in no order."""
        yield from self.names("factors", self.grid.factors)
        yield from self.names("vars", self.grid.vars)
        yield from self.levels(self.values) if self.values else ()
        yield from self.images()
        yield from self.balancers()
        yield from server_type_checks.problems(self.grid)
        yield from self.requests()
        yield from ngrinder_limits.problems(self.grid)
        yield from self.objectives()
        yield from self.gate()
        yield from target_checks.problems(self.grid)
        partial = list(self.partial_cells())
        yield from partial
        too_many = partial or list(self.sizes())
        yield from too_many
        if not too_many:
            yield from self.folders()
            yield from server_failure.problems(self.grid)
            yield from self.one_server()

    def names(self, section: str, named: Mapping[str, Any]) -> Iterator[Problem]:
        for name in named:
            if section == "factors" and name in OWN_FACTORS:
                continue
            if name not in self.role_variables:
                own = OWN_FACTORS if section == "factors" else ()
                hint = nearest(name, [*own, *sorted(self.role_variables)])
                yield (section, name), f"{section}: {short(name)} is not a role variable{hint}"
            if section == "factors" and name == "lab_time_scaling":
                yield (section, name), f"factors: {name}: a study has one time scaling. Fix: write it under vars"
            if section == "vars" and name in self.grid.factors:
                yield (section, name), f"vars: {short(name)} is also a factor. Fix: keep one of them"

    def levels(self, values: AcceptedValues) -> Iterator[Problem]:
        """Check values of role variables against their role's specification."""
        grid = self.grid
        values_at: list[tuple[Path_, str, object]] = [
            (("factors", name, place), name, level)
            for name, levels in grid.levels.items()
            for place, level in enumerate(levels)
        ]
        values_at += [(("vars", name), name, value) for name, value in grid.vars.items()]
        values_at += [
            (("include", place, name), name, level)
            for place, cell in enumerate(grid.include)
            for name, level in cell.items()
        ]
        for where, name, value in values_at:
            if name in OWN_FACTORS:
                continue
            for inside, words in values.wrong(name, value):
                place = "".join(f".{part}" for part in inside)
                got = value if where[0] != "vars" else _at(value, inside)
                # A mapping is not printed, because it may contain a password.
                shown = "" if isinstance(_at(value, inside), dict) else f" got {short(got)}."
                yield (*where, *inside), f"{where[0]}: {name}{place}:{shown} {words}"

    def images(self) -> Iterator[Problem]:
        """Check images of the service: names, and only one of factor and `service.image`."""
        if self.grid.factors.get("ml_server_image") and self.grid.service.image:
            yield ("service", "image"), "service.image: ml_server_image is also a factor. Fix: keep one of them"
        if self.grid.service.image and self.values:
            for _, words in self.values.wrong("ml_server_image", self.grid.service.image):
                yield ("service", "image"), f"service.image: got {short(self.grid.service.image)}. {words}"

    def balancers(self) -> Iterator[Problem]:
        """Check that only one of factor and key names the balancer."""
        if BALANCER in self.grid.factors and BALANCER in self.grid.model_fields_set:
            yield (BALANCER,), f"{BALANCER}: it is also a factor. Fix: keep one of them"

    def one_server(self) -> Iterator[Problem]:
        """Check that cells without a balancer have one server, and a load generator that sends to any address."""
        if self.grid.platform is not None:
            return
        direct = [each for each in self.grid.cells.topologies if not self.grid.balancer_of(each.by_name).forwards]
        is_factor = BALANCER in self.grid.factors
        where: Path_ = ("factors", BALANCER) if is_factor else (BALANCER,)
        shown = f"factors: {BALANCER}" if is_factor else BALANCER
        if several := sorted({each.servers for each in direct if each.servers > 1}):
            cells = ", ".join(f"{{servers: {count}, {BALANCER}: none}}" for count in several)
            fix = f"add exclude: [{cells}]" if is_factor else "write servers: [1]"
            found = ", ".join(map(str, several))
            yield where, f"{shown}: none needs exactly one server (got servers {found}). Fix: {fix}"
        if direct and self.grid.load_generator != "locust":
            yield where, f"{shown}: none is only supported with load_generator: locust"

    def requests(self) -> Iterator[Problem]:
        """Check that the traffic and the health check can be sent as written."""
        if words := http.wrong_path(self.grid.service.health):
            yield ("service", "health"), f"service.health: {words}"
        dataset = self.grid.dataset
        columns = dataset.columns if dataset and dataset.rows else None
        replaced = frozenset(str(path[1]) for path in self.replaced if path[0] == "traffic" and len(path) > 1)
        checker = TrafficChecker(self.grid, columns, replaced)
        yield from checker.all()
        yield from row_checks.problems(self.grid, checker.every)

    def objectives(self) -> Iterator[Problem]:
        """Check that objectives name requests of the traffic; a script has its own names."""
        names = [each.name for each in self.grid.requests]
        if names and not any(path[0] in ("traffic", "request") for path in self.replaced):
            yield from objectives.unknown_names(self.grid.objectives, names)

    def gate(self) -> Iterator[Problem]:
        """Check that a grid with a gate compares two builds, and may have more blocks than the fewest."""
        if self.grid.gate is None:
            return
        cells, builds = self.grid.cells, self.grid.levels.get(IMAGE, ())
        if not isinstance(cells, FixedCells) or len(builds) != 2 or cells.combinations != 2:
            words = (
                f"gate: two builds are compared at one load in one topology. Fix: give {IMAGE} two levels, all other "
            )
            yield ("gate",), f"{words}factors one; study.py gate does so"
        elif self.grid.exclude or self.grid.include or "fail_servers" in self.grid.factors:
            yield ("gate",), "gate: exclude, include and fail_servers are not allowed. Fix: remove them"
        if self.grid.repeats.fixed:
            yield ("repeats",), "gate: a fixed number of repeats leaves nothing to decide. Fix: write {min: 6, max: 20}"

    def sizes(self) -> Iterator[Problem]:
        """Check the number of cells and trials."""
        count = self.grid.cells.combinations
        if count > MOST_CELLS:
            product = " × ".join(str(len(levels)) for levels in self.grid.levels.values())
            yield (
                ("factors",),
                (
                    f"factors: their levels have {product} = {count:,} combinations. Allowed: {MOST_CELLS:,}. "
                    "Fix: vary fewer factors or levels"
                ),
            )
            return
        cells = len(self.grid.cells.known)
        if not cells:
            yield ("exclude",), "exclude: no cell remains. Fix: exclude fewer levels"
        elif cells > MOST_CELLS:
            yield ("include",), f"the grid has {cells:,} cells. Allowed: {MOST_CELLS:,}"
        elif cells * self.grid.repeats.max > MOST_TRIALS:
            trials = f"{cells:,} cells × {self.grid.repeats.max} repeats = {cells * self.grid.repeats.max:,} trials"
            yield ("factors",), f"factors: {trials}. Allowed: {MOST_TRIALS:,}. Fix: use fewer levels or repeats"

    def folders(self) -> Iterator[Problem]:
        """Check that each cell has its own folder name."""
        found: dict[str, Cell] = {}
        for cell in self.grid.cells.known:
            slug = cell.slug
            other = found.setdefault(slug, cell)
            if other != cell:
                name = next(n for n, level in cell.levels if other.by_name[n] != level)
                both = f"{short(other.by_name[name])} and {short(cell.by_name[name])}"
                yield (
                    ("factors", name),
                    f"factors: {name}: {both} would share a folder. Fix: let them differ in letters or digits",
                )
            if (size := len(slug.encode())) > LONGEST_FOLDER:
                text = f"factors: a cell's folder name is too long (got {size} bytes). Allowed: {LONGEST_FOLDER}. "
                yield ("factors",), f"{text}Fix: shorten the images' tags, or vary fewer factors"

    def partial_cells(self) -> Iterator[Problem]:
        for section, cells in (("exclude", self.grid.exclude), ("include", self.grid.include)):
            for index, partial in enumerate(cells):
                if not partial and section == "exclude":
                    yield (section, index), "exclude: got {}. Allowed: levels of some factors. Fix: remove this entry"
                for name, level in partial.items():
                    yield from self.one_level(section, index, name, level)
                missing = set(self.grid.factors) - set(partial)
                if section == "include" and missing:
                    names = ", ".join(sorted(missing))
                    yield (section, index), f"include: a cell needs a level of every factor (missing: {names})"

    def one_level(self, section: str, index: int, name: str, level: Level) -> Iterator[Problem]:
        where: Path_ = (section, index, name)
        if name not in self.grid.factors:
            hint = nearest(name, list(self.grid.factors))
            yield where, f"{section}: {short(name)} is not a factor of this grid{hint}"
        elif section == "exclude" and level not in (known := self.known_levels(name)):
            levels = short(", ".join(str(written(name, one)) for one in known), bare=True)
            yield where, f"exclude: {name}: unknown level (got {short(written(name, level))}). Allowed: {levels}"
        elif section == "include" and name in OWN_FACTORS:
            try:
                check_level(name, level)
            except ValueError as error:
                yield where, f"include: {error}"

    def known_levels(self, name: str) -> tuple[Level, ...]:
        """Levels of a factor that `exclude` may name: of a searched load its smallest one."""
        levels = self.grid.factors[name]
        return (levels.least,) if isinstance(levels, Search) else levels


def _at(value: Any, inside: Path_) -> Any:
    for part in inside:
        value = value[part]
    return value
