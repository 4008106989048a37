"""Read the rows and files that a grid's traffic sends: JSONL, CSV, a folder, and files by their paths."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness import plain_file
from harness.deploy import balancer_template
from harness.grid import ngrinder_script, traffic_checks
from harness.grid.dataset import Dataset, Source
from harness.grid.schema import Grid
from harness.grid.templates import ROW, Path_, names, with_values
from harness.grid.traffic import Data, Traffic
from harness.records import strict_json
from harness.traffic import script_files
from harness.words import short

LARGEST = 64_000_000  # bytes of all files together
MOST_PROBLEMS = 10  # of one file
Row = dict[str, Any]
Rows = dict[str, Row]  # place of the row, as in rows.csv:3 → row
_HALF = re.compile(r"[\ud800-\udfff]")  # cannot be sent
csv.field_size_limit(LARGEST)  # characters of a value; the default is less than an image may have


class _Unreadable(Exception):
    """A file that cannot be used; `problems` are messages without the place in the grid."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


@dataclass(kw_only=True)
class DataReader:
    """Reads everything that one grid sends; `folder` is that of the grid file."""

    folder: Path
    problems: list[tuple[Path_, str]] = field(default_factory=list)
    _files: dict[str, bytes] = field(default_factory=dict)
    _sources: dict[str, Source] = field(default_factory=dict)
    _bytes: int = 0

    def read(self, grid: Grid) -> Dataset | None:
        """Return rows, files and the balancer's templates, None without any or without readable rows."""
        templates = self._templates(grid)
        found = self._traffic(grid)
        return replace(found or Dataset(sources=self._sources), templates=templates) if templates else found

    def _templates(self, grid: Grid) -> dict[str, str]:
        """Read the balancer's own templates that the grid names."""
        name, found = balancer_template.VARIABLE, dict[str, str]()
        places: list[tuple[Path_, object]] = [(("vars", name), grid.vars.get(name))]
        places += [(("factors", name, place), level) for place, level in enumerate(grid.levels.get(name, ()))]
        places += [(("include", place, name), cell.get(name)) for place, cell in enumerate(grid.include)]
        for where, written in places:
            if not written:
                continue
            file = str(written)

            def read(file: str = file) -> None:
                content = self._content(file)
                if wrong := list(balancer_template.wrong(file, content)):
                    raise _Unreadable(*wrong[:MOST_PROBLEMS])
                found[file] = content.decode()

            self._at(where, read)
        return found

    def _traffic(self, grid: Grid) -> Dataset | None:
        """Return rows and files of the traffic, None without any or without readable rows."""
        if grid.traffic is not None and grid.traffic.locustfile is not None:
            return self._script(grid.traffic)
        data = grid.traffic.data if grid.traffic else None
        found: Rows | None = {}
        if data is not None:
            found = self._at(("traffic", "data", "file" if data.file else "folder"), lambda: self._rows(data))
        rows = None if found is None else list(found.values())
        for sent in traffic_checks.sent(grid):
            for key, path in sent.request.files():
                where = (*sent.at, *key)
                self._at(where, lambda path=path: self._uploads(path, rows))  # type: ignore[misc]  # called at once
        if grid.traffic is not None and grid.traffic.script is not None:
            self._own_script(grid.traffic.script, grid.traffic.files)
        if found is None or (data is None and not self._files):
            return None
        return Dataset(rows=tuple(found.values()), places=tuple(found), files=self._files, sources=self._sources)

    def _script(self, traffic: Traffic) -> Dataset | None:
        """Return the grid's Locust script with the files of its folder, which are in no request."""

        def report(where: Path_, words: str) -> None:
            self.problems.append((where, words))

        requirements = ""
        if (name := traffic.requirements) is not None:
            content: bytes | None = self._at(("traffic", "requirements"), lambda: self._content(name))
            requirements = (content or b"").decode(errors="replace")
        found = self._at(
            ("traffic", "locustfile"),
            lambda: script_files.read(traffic, self.folder, self._content, requirements, report),
        )
        return Dataset(sources=self._sources, script=found) if found is not None else None

    def _own_script(self, script: str, files: tuple[str, ...]) -> None:
        """Read and check an nGrinder script, and its files."""

        def read() -> None:
            self._upload(script)
            if wrong := list(ngrinder_script.wrong_content(script, self._files[script])):
                raise _Unreadable(*wrong[:MOST_PROBLEMS])

        self._at(("traffic", "script"), read)
        for place, path in enumerate(files):
            self._at(("traffic", "files", place), lambda path=path: self._upload(path))  # type: ignore[misc]
        size = sum(len(self._files.get(path, b"")) for path in files)
        if words := ngrinder_script.too_large(size):
            self.problems.append((("traffic", "files"), f"traffic.files: {words}"))

    def _at(self, where: Path_, read: Callable[[], Any]) -> Any:
        """Call `read`; its problems become those of a place in the grid, with the result None."""
        try:
            return read()
        except _Unreadable as error:
            self.problems += [(where, f"{'.'.join(map(str, where))}: {words}") for words in error.problems]
            return None

    def _rows(self, data: Data) -> Rows:
        if data.folder is not None:
            return self._folder(data.folder)
        name = data.source
        read = {".jsonl": _jsonl, ".ndjson": _jsonl, ".csv": _csv}.get(Path(name).suffix.lower())
        if read is None:
            raise _Unreadable(f"got {short(name)}. Allowed: a name that ends in .jsonl or .csv")
        content = self._content(name)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise _Unreadable(f"{name} is not text in UTF-8") from None
        rows = read(name, text)
        if not rows:
            raise _Unreadable(f"{name} has no rows. Fix: write at least one")
        return rows

    def _folder(self, name: str) -> Rows:
        """Return a row for each file of a folder, in the order of their names; hidden files do not count."""
        try:
            found = sorted(file.name for file in (self.folder / name).iterdir() if _counts(file))
        except OSError as error:
            raise _Unreadable(
                f"got {short(name)}: {_reason(error)}. Allowed: a folder, relative to the grid file"
            ) from None
        if not found:
            raise _Unreadable(f"{name} has no files. Fix: put at least one into it")
        if wrong := [file for file in found if _HALF.search(file)]:
            raise _Unreadable(
                *(f"{name}: the name {file!a} is not text in UTF-8. Fix: rename it" for file in wrong[:MOST_PROBLEMS])
            )
        rows: Rows = {}
        for file in found:
            path = f"{name.rstrip('/')}/{file}"
            rows[path] = {"file": path, "name": file}
            self._upload(path)
        return rows

    def _uploads(self, path: str, rows: list[Row] | None) -> None:
        """Read the file of a path, or every file that a template with columns names."""
        used = names(path)
        if not used:
            self._upload(path)
        elif others := [name for name in used if not name.startswith(ROW)]:
            raise _Unreadable(f"the path of a file has ${{{others[0]}}}. Allowed: ${{row.COLUMN}} only")
        elif rows is not None and all(name.removeprefix(ROW) in rows[0] for name in used if rows):
            self._each(path, rows)

    def _each(self, path: str, rows: list[Row]) -> None:
        problems: list[str] = []
        for place, row in enumerate(rows, 1):
            try:
                self._upload(with_values(path, {f"{ROW}{name}": str(value) for name, value in row.items()}))
            except _Unreadable as error:
                problems += [f"row {place}: {words}" for words in error.problems]
            if len(problems) == MOST_PROBLEMS:
                break
        if problems:
            raise _Unreadable(*problems)

    def _upload(self, path: str) -> None:
        if path not in self._files:
            self._files[path] = self._content(path)

    def _content(self, name: str) -> bytes:
        """Return the bytes of a file; raises _Unreadable if there is none, or if all files together are too large."""
        file = self.folder / name
        try:
            if not file.is_file() and file.exists():
                raise _Unreadable(f"got {short(name)}: not a file. Allowed: a path relative to the grid file")
            size = file.stat().st_size
            together = self._bytes + size
            if together > LARGEST:
                raise _Unreadable(
                    f"got {short(name)} of {size:,} bytes, {together:,} in all. Allowed: {LARGEST:,} bytes "
                    "in all. Fix: use fewer rows or smaller files"
                )
            content = plain_file.read(file, LARGEST)
        except (OSError, ValueError) as error:
            raise _Unreadable(
                f"got {short(name)}: {_reason(error)}. Allowed: a path relative to the grid file"
            ) from None
        self._bytes += len(content)
        self._sources[name] = Source.of(content)
        return content


def _counts(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "not a file name"


def _jsonl(name: str, text: str) -> Rows:
    """Return the rows of JSON lines; raises _Unreadable with name:line for each malformed one."""
    rows: Rows = {}
    problems: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = strict_json.loads(line, unique_keys=True)
        except strict_json.DuplicateKey as error:
            problems.append(f"{name}:{number}: {error}")
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            reason = "nested too deeply" if isinstance(error, RecursionError) else reason
            problems.append(f"{name}:{number}: not JSON: {reason} (got {short(line.strip())})")
        else:
            if half := _HALF.search(json.dumps(row, ensure_ascii=False)):
                problems.append(f"{name}:{number}: half of a character's surrogate pair (got {short(half[0])})")
            elif not isinstance(row, dict) or not row:
                words = 'Allowed: an object with columns, as in {"user": "a"}'
                problems.append(f"{name}:{number}: got {short(line.strip())}. {words}")
            elif rows and (words := _other_columns(next(iter(rows.values())), row)):
                problems.append(f"{name}:{number}: {words}")
            else:
                rows[f"{name}:{number}"] = row
        if len(problems) == MOST_PROBLEMS:
            break
    if problems:
        raise _Unreadable(*problems)
    return rows


def _other_columns(first: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    missing, more = first.keys() - row.keys(), row.keys() - first.keys()
    if not missing and not more:
        return ""
    parts = [f"lacks {', '.join(map(short, sorted(missing)))}"] if missing else []
    parts += [f"also has {', '.join(map(short, sorted(more)))}"] if more else []
    return f"the row {' and '.join(parts)}. Allowed: the columns of the first row, {short(', '.join(first), bare=True)}"


def _csv(name: str, text: str) -> Rows:
    """Return the rows of a CSV file with a header (RFC 4180); raises _Unreadable with name:line for malformed ones."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: Rows = {}
    problems: list[str] = []
    header: list[str] = []
    for number, cells in _lines(reader, name, problems):
        if not cells:
            continue
        if not header:
            header = [cell.strip() for cell in cells]
            wrong = [cell for place, cell in enumerate(header) if not cell or cell in header[:place]]
            if wrong:
                raise _Unreadable(f"{name}:{number}: the column {short(wrong[0])} has no name of its own")
            if len(header) == 1 and re.search(r"[;\t]", header[0]):
                words = "Allowed: columns that commas separate. Fix: replace the separators"
                raise _Unreadable(f"{name}:{number}: got one column, {short(header[0])}. {words}")
        elif len(cells) != len(header):
            words = f"got {len(cells)} values. Allowed: {len(header)}, one for each column"
            problems.append(f"{name}:{number}: {words}")
        else:
            rows[f"{name}:{number}"] = dict(zip(header, cells, strict=True))
        if len(problems) == MOST_PROBLEMS:
            break
    if problems:
        raise _Unreadable(*problems)
    return rows


def _lines(reader: Any, name: str, problems: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield (line on which the row begins, its values); a syntax error ends it with a problem."""
    begins = 1
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        problems.append(f"{name}:{begins}: not CSV: {re.sub(r'^.*?: ', '', str(error))}")
