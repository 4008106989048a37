"""Requests from an access log: a mix by frequency, with the observed ids and parameters as data. Only safe methods."""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import parse_qsl, quote, unquote, unquote_plus

from harness.draft import log_lines
from harness.draft.found import SAFE, FoundRequest, FoundTraffic, coded, count, name_of, study_name, with_own_names
from harness.draft.har import STATIC
from harness.draft.openapi import NOT_OF_USERS
from harness.draft.path_groups import SLOT, Group, Groups, Values
from harness.draft.secret_references import SECRET_FORM, References
from harness.errors import BadInput
from harness.grid.templates import escaped
from harness.secrecy import is_secret_name
from harness.words import short

MOST_LINES = 500_000  # half a minute of work
LONGEST_LINE = 64_000  # bytes; the rest of a line is ignored
MOST_REQUESTS, MOST_ROWS, MOST_GROUPS = 20, 1000, 200_000
_LONGEST_TARGET = 2000
_AFTER_SECRET = re.compile(r"(?i)/(?:[\w-]*(?:token|secret|password|session|api-?key|reset|invite)[\w-]*)/[^/?]+")
# Of scanners, to which many services respond with 200.
_ATTACK = re.compile(
    r"(?i)[<>\0]|\$\{|\{\{|\.\./|\bunion\b.*\bselect\b|\bor\b\s+['\d]+\s*=|/etc/passwd|jndi:|\bexec\(|;\s*(?:wget|curl|cat)\b|"
    r"/\.(?:env|git|aws|ssh)\b|cgi-bin|wp-(?:admin|login|includes)|phpmyadmin"
)


@dataclass(kw_only=True)
class _Log:
    file: str
    groups: Groups = field(default_factory=Groups)
    static: Groups = field(default_factory=Groups)
    lines: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    first_unread: int = 0
    is_cut: bool = False


def found_in(file: str) -> FoundTraffic:
    """Return the mix of a log's successful GET and HEAD requests; raises BadInput without any."""
    log = _Log(file=file)
    for number, line in _lines(file):
        _add(log, number, line)
        log.is_cut = number == MOST_LINES
    groups = log.groups
    if not len(groups):
        groups = log.static
    elif len(log.static):
        log.left_out["static file"] += sum(each.total for each in log.static.merged())
    if not len(groups):
        raise BadInput(_problem(log))
    return _traffic(log, groups.merged())


def _lines(file: str) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of each line of a log, which gzip may have compressed."""
    path = Path(file)
    try:
        if not path.is_file():
            raise BadInput(f"{file}: {'is not a file' if path.exists() else 'no such file'}")
        with path.open("rb") as plain:
            is_packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            stream = cast(IO[bytes], gzip.GzipFile(fileobj=plain)) if is_packed else plain
            number = 0
            while number < MOST_LINES and (line := stream.readline(LONGEST_LINE)):
                number += 1
                yield number, line.decode("utf-8", "replace").strip()
                while line and not line.endswith(b"\n"):
                    line = stream.readline(LONGEST_LINE)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{file}: not readable by gzip: {error}") from None
    except OSError as error:
        raise BadInput(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise BadInput(f"{file!r}: not a file name") from None


def _add(log: _Log, number: int, line: str) -> None:
    if not line or line.startswith("#"):
        return
    log.lines += 1
    found = log_lines.parsed(line)
    if found is None:
        log.first_unread = log.first_unread or number
        log.left_out["another format"] += 1
        return
    reason = _reason(found)
    if reason:
        log.left_out[reason] += 1
        return
    path, query = _target(found.target)
    if found.method not in SAFE:
        log.writes[f"{found.method} {path}"] += len(log.writes) < MOST_GROUPS
        return
    groups = log.static if STATIC.search(path) else log.groups
    if len(groups) < MOST_GROUPS:
        groups.add(found.method, path, query)
    else:
        log.left_out["too many different paths"] += 1


def _reason(found: log_lines.LoggedRequest) -> str:
    """Return why a request is no part of the mix; empty if it is."""
    target = found.target
    if not found.method.isalpha() or found.method in ("CONNECT", "TRACE", "OPTIONS", "PRI"):
        return "no request of a user"
    if not 200 <= found.status < 400:
        return f"status {found.status // 100}xx"
    if not target.startswith("/") or target.startswith("//") or len(target) > _LONGEST_TARGET:
        return "unusable target"
    path = unquote(target.partition("?")[0])
    if "\ufffd" in path or not path.isprintable() or ".." in path.split("/"):
        return "unusable target"
    if _ATTACK.search(unquote_plus(target)):
        return "an attack"
    if _AFTER_SECRET.search(path) or SECRET_FORM.search(target):
        return "a secret in the path"
    return "health check" if NOT_OF_USERS.fullmatch(path) else ""


def _target(target: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the percent-encoded path, and the parameters without doubled names."""
    path, _, query = target.partition("?")
    query = query.partition("#")[0]
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=None)
    kept = [(name, value) for name, value in pairs if name and "${" not in name and name.isprintable()]
    return coded(path.partition("#")[0]), kept[:30]


def _traffic(log: _Log, groups: Sequence[Group]) -> FoundTraffic:
    chosen, rest = groups[:MOST_REQUESTS], groups[MOST_REQUESTS:]
    references = References()
    columns: dict[str, list[str]] = {}
    rows = min(MOST_ROWS, max(len(each.combinations) for each in chosen))
    rows = max(rows, min(MOST_ROWS, 4 * rows))  # so that frequencies within a group are visible
    requests = with_own_names([_request(each, at, rows, columns, references) for at, each in enumerate(chosen, 1)])
    data = tuple({name: values[at] for name, values in columns.items()} for at in range(rows if columns else 0))
    served = sum(each.total for each in groups)
    notes = [f"{log.file}: {count(log.lines, 'line')}, {count(served, 'request')} of a user in the mix"]
    if left := {reason: number for reason, number in log.left_out.items() if number}:
        listed = ", ".join(f"{number:,} ({reason})" for reason, number in left.items())
        first = f"; line {log.first_unread} is the first in another format" if log.first_unread else ""
        notes.append(f"left out: {listed}{first}")
    if log.is_cut:
        notes.append(f"only the first {MOST_LINES:,} lines were read. Fix: give a shorter log of a typical hour")
    if rest:
        share = sum(each.total for each in rest) / served
        notes.append(f"the {MOST_REQUESTS} most frequent requests; {len(rest):,} others are {share:.0%} of the log")
    return FoundTraffic(
        title=study_name(re.sub(r"(\.log|\.json|\.gz|\.\d+)+$", "", Path(log.file).name)),
        requests=requests,
        rows=data,
        secrets=references.names,
        notes=tuple(notes),
        others=_writes(log.writes),
    )


def _request(
    group: Group, number: int, rows: int, columns: dict[str, list[str]], references: References
) -> FoundRequest:
    """Return the request of a group; values that vary become columns of the data."""
    drawn = _spread(group.combinations, rows)
    path, slot = [], 0
    for segment in group.segments:
        if segment != SLOT:
            path.append(escaped(segment))
            continue
        path.append(
            _varying(f"path_{number}_{slot + 1}", [unquote(each[slot]) for each in drawn], columns, is_path=True)
        )
        slot += 1
    params: dict[str, Any] = {}
    for at, name in enumerate(group.names, slot):
        values = [each[at] for each in drawn]
        if is_secret_name(name):
            params[name] = references.reference(name, f"\0{name}")  # no value of a log is kept
        else:
            column = re.sub(r"[^A-Za-z0-9_]+", "_", name)[:30]
            params[name] = _varying(f"{column}_{number}", values, columns, is_path=False)
    shown = "/" + "/".join(
        f":{_noun(group.segments, at)}" if each == SLOT else each for at, each in enumerate(group.segments)
    )
    return FoundRequest(
        name=name_of(f"{group.method} {shown}"),
        method=group.method,
        path="/" + "/".join(path),
        params=params,
        weight=group.total,
        remarks=(f"{count(len(group.combinations), 'different target')} in the log",)
        if len(group.combinations) > 1
        else (),
    )


def _noun(segments: Values, at: int) -> str:
    before = segments[at - 1] if at and segments[at - 1] != SLOT else ""
    return f"{before.removesuffix('s')}-id" if before and before.isascii() else "id"


def _varying(column: str, values: list[str], columns: dict[str, list[str]], is_path: bool) -> str:
    """Return the only value of a place as a template, or the column that has its values."""
    if len(set(values)) == 1:
        return escaped(quote(values[0], safe="") if is_path else values[0])
    while column in columns:
        column += "_"
    columns[column] = values
    return f"${{row.{column}}}"


def _spread(counted: Counter[Values], rows: int) -> list[Values]:
    """Return as many combinations as there are rows, each as often as its share, evenly spread."""
    common = counted.most_common(rows)
    total = sum(number for _, number in common)
    ends = list(accumulate(number / total * rows for _, number in common))
    ordered: list[Values] = []
    for (values, _), end in zip(common, ends, strict=True):
        ordered += [values] * (round(end) - len(ordered))
    step = next(each for each in (389, 211, 97, 53, 31, 17, 7, 5, 3, 2, 1) if rows % each or each == 1)
    return [ordered[at * step % rows] for at in range(rows)]


def _writes(writes: Counter[str]) -> tuple[str, ...]:
    """Return comments about requests that change data: a log has no bodies."""
    if not writes:
        return ()
    listed = [f"  {number:>7,} × {short(target, 80, bare=True)}" for target, number in writes.most_common(10)]
    more = [f"  and {len(writes) - 10:,} other targets"] if len(writes) > 10 else []
    head = "The log also has requests that change data. A log has no bodies, so add them by hand or with --har:"
    return (head, *listed, *more)


def _problem(log: _Log) -> str:
    """Return the message about a log without a usable request."""
    reasons = ", ".join(f"{number:,} ({reason})" for reason, number in log.left_out.items())
    if log.first_unread and log.left_out["another format"] == log.lines:
        words = "not a line of an access log. Allowed: the combined format of nginx and Apache, or JSON with method, "
        return f"{log.file}:{log.first_unread}: {words}path and status"
    if not log.lines:
        return f"{log.file}:1: the log is empty"
    words = f"no successful GET or HEAD request of a user among {count(log.lines, 'line')}"
    return f"{log.file}:1: {words}. Left out: {reasons or 'requests that change data'}"
