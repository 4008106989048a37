"""Load a grid, check it whole, expand it to cells."""

from __future__ import annotations

import difflib
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from harness.errors import BadInput
from harness.grid import losing, references
from harness.grid.cell import OWN_FACTORS, Cell, expand
from harness.grid.load import RATE, VUSERS, check_level, written
from harness.grid.schema import MOST_CELLS, Grid
from harness.grid.types import Level
from harness.grid.yamlfile import Document, Path_, load

LONGEST_FOLDER = 240  # letters of a name, by what file systems allow


def load_grid(
    path: Path, role_variables: frozenset[str], choices: Mapping[str, Sequence[Level]] = types.MappingProxyType({})
) -> tuple[Grid, Document]:
    """Read and check a grid; `role_variables` are the names a factor may have beside its own.

    `choices` has, for those that allow few levels, what they are.
    Raises BadInput with every problem, each as file:line.
    """
    document = load(path)
    filled = references.fill(document.data, os.environ)
    problems = [(document.line(where), text) for where, text in filled.problems]
    try:
        grid = Grid.model_validate(filled.data).with_secrets(filled.secrets)
    except ValidationError as error:
        for item in error.errors():
            where = _written(item["loc"], document)
            problems.append((document.line(where), _in_words(where, item)))
        raise _bad(path, problems) from None
    check = _Checker(grid, document, role_variables, problems)
    check.names("factors", grid.factors)
    check.names("vars", grid.vars)
    check.partial_cells()
    check.choices(choices)
    check.images()
    if problems:
        raise _bad(path, problems)
    if not expand(grid):
        raise _bad(path, [(document.line(("exclude",)), "exclude leaves no cell; exclude less")])
    if len(expand(grid)) > MOST_CELLS:
        raise _bad(path, [(document.line(("factors",)), f"the grid has more than {MOST_CELLS} cells")])
    check.folders()
    problems += [(document.line(where), text) for where, text in losing.problems(grid)]
    if problems:
        raise _bad(path, problems)
    return grid, document


def _bad(path: Path, problems: list[tuple[int, str]]) -> BadInput:
    return BadInput(*(f"{path}:{line}: {text}" for line, text in sorted(set(problems))))


@dataclass
class _Checker:
    """What only the whole grid can tell."""

    grid: Grid
    document: Document
    role_variables: frozenset[str]
    problems: list[tuple[int, str]]

    def note(self, path: Path_, text: str) -> None:
        self.problems.append((self.document.line(path), text))

    def names(self, section: str, named: dict[str, Any]) -> None:
        for name in named:
            if section == "factors" and name in OWN_FACTORS:
                continue
            if name not in self.role_variables:
                allowed = (
                    [*OWN_FACTORS, *sorted(self.role_variables)]
                    if section == "factors"
                    else sorted(self.role_variables)
                )
                self.note((section, name), f"{section}: {name!r} is no variable of a role" + nearest(name, allowed))
            if section == "vars" and name in self.grid.factors:
                self.note((section, name), f"vars: {name!r} is a factor too; keep one of them")

    def choices(self, allowed: Mapping[str, Sequence[Level]]) -> None:
        written = [("factors", name, level) for name, levels in self.grid.factors.items() for level in levels]
        written += [("vars", name, value) for name, value in self.grid.vars.items()]
        written += [("include", name, level) for cell in self.grid.include for name, level in cell.items()]
        for section, name, level in written:
            if name in allowed and level not in allowed[name]:
                said = ", ".join(map(str, allowed[name]))
                where: Path_ = (section,) if section == "include" else (section, name)
                self.note(where, f"{section}: {name} has the level {level!r}; allowed: {said}")

    def images(self) -> None:
        """Builds of the service that are compared: names of images, said in one place."""
        levels = self.grid.factors.get("ml_server_image", ())
        if levels and self.grid.service.image:
            self.note(
                ("service", "image"),
                "service.image: ml_server_image is a factor, which names the images; leave out one",
            )
        for level in levels:
            if not isinstance(level, str) or not level or any(letter.isspace() for letter in level):
                example = "write an image's name, as in registry.example/team/app:1.4"
                self.note(
                    ("factors", "ml_server_image"), f"factors: ml_server_image has the level {level!r}; {example}"
                )

    def folders(self) -> None:
        """Each cell has a folder of its own, named by its levels."""
        found: dict[str, Cell] = {}
        for cell in expand(self.grid):
            other = found.setdefault(cell.slug, cell)
            if other != cell:
                name = next(n for n, level in cell.levels if other.by_name[n] != level)
                both = f"{other.by_name[name]!r} and {cell.by_name[name]!r}"
                self.note(
                    ("factors", name),
                    f"factors: {name}: {both} would share a folder; let them differ in letters or digits",
                )
            if len(cell.slug) > LONGEST_FOLDER:
                told = f"a cell's folder would have a name of {len(cell.slug)} letters, at most {LONGEST_FOLDER}"
                self.note(("factors",), f"factors: {told}; give images a short tag, or vary fewer things")

    def partial_cells(self) -> None:
        for section, cells in (("exclude", self.grid.exclude), ("include", self.grid.include)):
            for index, partial in enumerate(cells):
                for name, level in partial.items():
                    self.one_level(section, index, name, level)
                missing = set(self.grid.factors) - set(partial)
                if section == "include" and missing:
                    self.note(
                        (section, index),
                        f"include: a cell needs every factor; missing: {', '.join(sorted(missing))}",
                    )

    def one_level(self, section: str, index: int, name: str, level: Level) -> None:
        where: Path_ = (section, index, name)
        if name not in self.grid.factors:
            self.note(
                where,
                f"{section}: {name!r} is no factor of this grid" + nearest(name, list(self.grid.factors)),
            )
        elif section == "exclude" and level not in self.grid.factors[name]:
            levels = ", ".join(str(written(name, one)) for one in self.grid.factors[name])
            told = f"exclude: {name} has no level {written(name, level)!r}; its levels are {levels}"
            self.note(where, told)
        elif section == "include" and name in OWN_FACTORS:
            try:
                check_level(name, level)
            except ValueError as error:
                self.note(where, f"include: {error}")


def check_servers(path: Path, grid: Grid, document: Document, available: int) -> None:
    """Raise BadInput when a cell asks for more servers than the inventory has."""
    most = max(cell.servers for cell in expand(grid))
    if most > available:
        line = document.line(("factors", "servers"))
        raise BadInput(
            f"{path}:{line}: servers asks for {most}, but group ml_servers of {grid.inventory} has "
            f"{available}; ask for fewer or add hosts there"
        )


def nearest(name: str, allowed: list[str]) -> str:
    """A hint at the allowed name that looks most like `name`, or a short list of them."""
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return "; allowed: " + ", ".join(allowed) if len(allowed) <= 16 else ""


def _written(loc: tuple[str | int, ...], document: Document) -> Path_:
    """Turn pydantic's location into the path as written: no marks of validators or union members."""
    marks = ("function-", "bool", "int", "float", "str", "[key]", "tuple[", "dict[")
    path = tuple(part for part in loc if not (isinstance(part, str) and part.startswith(marks)))
    searched = RATE if ("factors", RATE) in document.lines else VUSERS
    return ("factors", searched, *path[1:]) if path[:1] == ("search",) else path


def _in_words(where: Path_, item: Any) -> str:
    name = ".".join(map(str, where)) or "grid"
    kind, got = item["type"], item.get("input")
    if kind == "extra_forbidden":
        return f"{name!r} is not known here" + nearest(str(where[-1]), _fields_at(where[:-1]))
    if kind == "missing":
        return f"{name!r} is missing; grid.yaml shows how it is written"
    if kind == "value_error":
        return f"{name}: {item['ctx']['error']}"
    if kind == "literal_error":
        return f"{name}: got {got!r}; allowed: {item['ctx']['expected']}"
    if kind == "string_pattern_mismatch":
        return f"{name}: got {got!r}; letters, digits, dot, dash and underscore are allowed, 64 at most"
    return f"{name}: got {got!r}; {item['msg'][0].lower()}{item['msg'][1:]}"


def _fields_at(path: Path_) -> list[str]:
    """Keys that are known at `path`."""
    model: type[BaseModel] = Grid
    for part in path:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field else None
        options: tuple[Any, ...] = typing.get_args(inner) if isinstance(inner, types.UnionType) else (inner,)
        is_model: Callable[[Any], bool] = lambda t: isinstance(t, type) and issubclass(t, BaseModel)  # noqa: E731 - one use, named for reading
        found = next(filter(is_model, options), None)
        if found is None:
            return []
        model = found
    return [field.alias or name for name, field in model.model_fields.items()]
