"""The reference pages that follow from the code's own descriptions: `python -m docs.generate` writes them.

A test compares the pages with the code. Descriptions are those of harness/grid, commands/ and harness/records.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from commands.app import app
from docs import sentences
from harness import errors
from harness.grid import load, units
from harness.grid.amount import Budget, Repeats, Search
from harness.grid.bodies import FormPart
from harness.grid.counter import RequestsMetric
from harness.grid.gate import Gate
from harness.grid.objectives import Objectives
from harness.grid.request import Expect, Request
from harness.grid.schema import Grid
from harness.grid.service import Service
from harness.grid.target import Target
from harness.grid.thresholds import DECLARED, Thresholds
from harness.grid.traffic import Data, Extraction, Login, Traffic, TrafficRequest, TrafficStep
from harness.records import column_descriptions as columns
from harness.records import key_descriptions as keys

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by `make reference` from the code's own descriptions. Do not edit. -->\n"
# How a quantity is written, by the function that reads it.
WRITTEN = {
    units.share: "share, as in `5%`",
    units.duration_s: "time, as in `2s`",
    units.rate_per_s: "rate, as in `100/s`",
    units.money_usd: "amount, as in `5 USD`",
}
PLAIN = {bool: "true or false", int: "whole number", float: "number", str: "text"}
# Their meaning has it.
NO_TYPE = {
    *("factors", "exclude", "include", "vars", "from", "to"),
    *("params", "form", "extract", "requests", "steps", "multipart"),
}


def grid() -> str:
    """The keys of a grid."""
    parts: list[tuple[str, str, type[BaseModel] | None]] = [
        ("load", "The load of a trial.", load.Load),
        ("request", REQUEST, Request),
        ("traffic", TRAFFIC, Traffic),
        ("traffic.data", DATA, Data),
        ("traffic.login", LOGIN, Login),
        ("traffic.requests", "Each request of a mix.", TrafficRequest),
        ("traffic.steps", "Each step of a transaction.", TrafficStep),
        ("expect", "The expected response, in `traffic`.", Expect),
        ("extract", EXTRACT, Extraction),
        ("multipart", "Each part of a body: a field with a `value`, or a `file`.", FormPart),
        ("service", "The service under test.", Service),
        ("service.requests_metric", "The servers' own counter of requests (rule E13).", RequestsMetric),
        ("repeats", REPEATS, Repeats),
        ("search", SEARCH, Search),
        ("objectives", "Goals of the study. One that is not met makes the exit code 1.", Objectives),
        ("gate", GATE, Gate),
        ("budget", "Limits of the study. A plan above one of them is rejected.", Budget),
        ("target", TARGET, Target),
    ]
    text = [
        NOTE,
        "# Grid\n",
        "A grid is a YAML file. The study checks all of it before it contacts a host, and reports every problem with",
        "its line. Durations, shares and money have their unit.\n",
        "- The file is YAML 1.2: `NO`, `on`, `12:30:00` and `2024-01-01` are text in a `json` body.",
        "- Values without a JSON equivalent are rejected: `.nan`, tags, keys that are not text, `01234`.",
        "- Values of role variables must match the roles' argument specifications, in grid and inventory.",
        "- Values are plain text, also `{{ … }}`. A template in an inventory is checked when it is deployed.\n",
        "## Keys\n",
        *_fields(Grid.model_fields),
        FACTORS,
    ]
    for name, about, model in parts:
        fields = dict(model.model_fields) if model else {}
        fields.pop("factor", None)
        text += [f"\n## {name}\n", f"{about}\n", *_fields(fields)]
        text += table_rows([QUERY]) if model is Request else []
    text += [
        "\n## evidence\n",
        "Thresholds of the [evidence rules](../explanation/evidence.md), with the rule that applies each.\n",
        *_thresholds(),
    ]
    return "\n".join(text) + "\n"


def _thresholds() -> list[str]:
    """The table of the thresholds."""
    rows = []
    for name, field in Thresholds.model_fields.items():
        declared = DECLARED[name]
        rows.append(
            (
                f"`{name}`",
                declared.shown_rule,
                declared.meaning,
                _type(field.annotation, field.metadata),
                _default(field),
            )
        )
    return table(("key", "rule", "meaning", "type", "default"), rows)


def _fields(fields: Mapping[str, FieldInfo]) -> list[str]:
    """The table of a part's keys."""
    rows = [
        (
            f"`{field.alias or name}`",
            field.description or "",
            "" if (field.alias or name) in NO_TYPE else _type(field.annotation, field.metadata),
            _default(field),
        )
        for name, field in fields.items()
    ]
    return table(("key", "meaning", "type", "default"), rows)


def _type(annotation: Any, metadata: Sequence[object] = ()) -> str:
    """A field's type as a reader writes it in YAML."""
    for each in metadata:
        if isinstance(each, BeforeValidator) and each.func in WRITTEN:
            return WRITTEN[each.func]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(arguments[0], arguments[1:])
    if origin is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin in (types.UnionType, typing.Union):
        return _type(next(each for each in arguments if each is not type(None)))
    if origin is tuple:
        return f"{_type(arguments[0])}, or a list"
    if origin is dict:
        return f"{_type(arguments[0])} → {_type(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "see below"
    return PLAIN.get(annotation, "any value")


def _default(field: FieldInfo) -> str:
    """A field's default as a reader writes it in YAML."""
    value = field.default
    if field.is_required():
        return "required"
    if value is None or isinstance(value, BaseModel) or value in ({}, ()):
        return f"{value.min}" if isinstance(value, Repeats) else ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{', '.join(map(str, value))}`"
    kind = _type(field.annotation, field.metadata)
    if kind == WRITTEN[units.share]:
        return f"{value * 100:.10g} %"
    if kind == WRITTEN[units.duration_s]:
        return f"{value:.10g} s" if value >= 1 else f"{value * 1000:.10g} ms"
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"


def cli() -> str:
    """The commands of study.py with their options, and the exit codes."""
    root: Any = typer.main.get_command(app)
    text = [NOTE, "# Command line\n", *_command("study.py", root)]
    for name, command in root.commands.items():
        text += _command(f"study.py {name}", command)
    codes = [
        (0, "done"),
        (errors.EXIT_OBJECTIVE_MISSED, "an objective is not met, `check` found a difference, or `gate` a regression"),
        (errors.BadInput.exit_code, "bad input: a grid, an inventory or an option that cannot be used"),
        (errors.EXIT_FAILED_CELLS, "done, but some cells could not be measured, or `gate` is undecided"),
        (errors.CannotRun.exit_code, "cannot run here: something is missing, or another study holds the host"),
        (errors.EXIT_UNEXPECTED, "unexpected error: one line; the traceback is in the file that it names"),
        (errors.Interrupted.exit_code, "interrupted"),
    ]
    text += ["## Exit codes\n", *table(("code", "meaning"), [(f"{code}", meaning) for code, meaning in codes])]
    return "\n".join(text) + "\n"


def _command(name: str, command: Any) -> list[str]:
    """A command's section: its help, its arguments and its options."""
    rows = []
    for each in command.params:
        if each.name == "help":
            continue
        words = each.name.upper() if each.param_type_name == "argument" else ", ".join(each.opts)
        rows.append((f"`{words}`", " ".join((each.help or "").split()), _shown(each.default)))
    about = (command.help or "").partition("\n\nExit codes:")[0]
    lines = [f"## {name}\n", about + "\n"]
    return [*lines, *table(("option", "meaning", "default"), rows), ""] if rows else lines


def _shown(default: object) -> str:
    """An option's default; paths are relative to this clone."""
    if default in (None, False):
        return ""
    return f"`{str(default).removeprefix(f'{ROOT}/')}`"


def files() -> str:
    """The files of a study's directory."""
    text = [
        NOTE,
        FILES,
        "## trial.json\n",
        *_keys(keys.TRIAL),
        "\n## study.json\n",
        "`harness/records/study.py` makes a grid of it again.\n",
        *_keys(keys.STUDY),
    ]
    for name, about, described in (
        ("samples.csv", "One row for each second of a trial.", columns.SAMPLES),
        ("hosts.csv", "One row for each second and container.", columns.HOSTS),
        ("machines.csv", "One row for each second and machine.", columns.MACHINES),
        ("balancer.csv", "One row for each second, server and status, from the balancer's log.", columns.BALANCER),
        ("cells.csv", "One row for each cell. The factors come first.", columns.CELLS),
        ("requests.csv", "One row for each request of each cell. The factors come first.", columns.REQUESTS),
        ("gains.csv", "One row for each step at one load. The other factors come first.", columns.GAINS),
        ("capacity.csv", "One row for each topology. The factors except the load come first.", columns.CAPACITY),
        ("failover.csv", "One row for each cell with a server failure. The factors come first.", columns.FAILOVER),
        ("trials", "A table in memory (`frames.trials`): one row for each trial.", columns.TRIALS),
    ):
        rows = [(f"`{column}`", each.unit, each.meaning) for column, each in described.items()]
        text += [f"\n## {name}\n", f"{about}\n", *table(("column", "unit", "meaning"), rows)]
    text += ["\n" + PARQUET]
    return "\n".join(text)


def _keys(described: Mapping[str, keys.Key]) -> list[str]:
    rows = [
        (f"`{path}`", each.unit, f"{'raw: ' if each.raw else ''}{each.meaning}") for path, each in described.items()
    ]
    return table(("key", "unit", "meaning"), rows)


TARGET = (
    "A rate, as in `target: 200/s`, or a [platform that you already run](../how-to/own-platform.md). The study calls "
    "its playbook with `servers` before each topology, and waits until the URL answers."
)
GATE = """A comparison of two builds, the levels of `ml_server_image`, in one topology at one load. `study.py gate`
makes such a grid of any other one ([Use a study in CI](../how-to/ci.md))."""
REPEATS = """A number of blocks, or a stopping rule (rule E16): the study adds blocks until every watched gain is
narrow enough, and at least five if it has them. Five blocks make a statement, three or four are indicative, fewer have
no interval. Predicted-idle cells are measured in two blocks only. Write `repeats: 5` or
`repeats: {min: 5, max: 12, until: ±5%}`."""
SEARCH = """A range in place of the levels of `vusers` or `rate`, as in `rate: {from: 100/s, to: 500/s, until: 20%}`. A
search over `rate` needs an objective for `p95` or `error_rate`. [Find a capacity](../how-to/find-capacity.md) explains
both."""
REQUEST = """The request that is sent, and the expected response. In place of a value, `{env: TOKEN}` reads an
environment variable ([Secrets](../../SECURITY.md#secrets)), with `prefix` a text in front. Regular expressions have the
syntax of RE2."""
TRAFFIC = """The requests of users, in place of `request`: exactly one of `requests`, `steps`, `locustfile` and
`script`. Examples: [traffic](../how-to/own-traffic.md), [Locust script](../how-to/own-locustfile.md), [nGrinder
script](../how-to/ngrinder.md#run-your-own-ngrinder-script).

Texts of a path, of headers, of bodies, and values of `params` and fields may have templates:

| template | value |
|---|---|
| `${row.COLUMN}` | value of the chosen row; with its type if it is a whole text of a `json` body |
| `${secret.NAME}` | environment variable `NAME`, else Ansible variable `name` of the load generators; never stored |
| `${user}` | number of the user, from 1 |
| `${uuid}` | a random UUID for each request |
| `${trial}` | id of the trial |
| `${NAME}` | a value that `extract` reads from an earlier response |
| `$${` | the text `${` |

Values are percent-encoded in paths and `params`, encoded as a form in `form`, and plain in headers and texts.
`request` may have templates as well, except those of rows and of values from responses.

In place of a whole value, `{env: NAME}` is the environment variable `NAME`, and `{env: NAME, prefix: "Bearer "}` adds a
text in front. In JSON the name must be in capitals. Regular expressions have the syntax of RE2."""
DATA = """The rows that templates use. All files together, including uploads of requests, may have 64 MB. Their sizes
and digests are recorded, never their content. A changed file makes another study."""
LOGIN = """The request of each user before its first one. It is repeated after a think time until it succeeds, and is
not part of the figures. Cookies are kept."""
EXTRACT = "A value that is read from a response, by exactly one of these. In `traffic.login` and `traffic.steps`."
# Not a field: `harness/grid/references.py` appends it to the path as the file is read.
QUERY = ("`query`", "query parameter → value, appended to the path", "text → text", "")
FACTORS = """
## factors

| factor | levels |
|---|---|
| `servers` | numbers of servers, as in `[1, 2, 3]`; required |
| `vusers` | closed loop: numbers of virtual users, each of which waits for its response; or a [search](#search) |
| `rate` | open loop: requests per second sent on schedule, as in `[100/s, 6000/min]`; or a [search](#search) |
| `fail_servers` | numbers of servers that are killed in mid-trial, as in `[0, 1]` |
| `balancer` | balancers to compare, as in `[nginx, haproxy, none]` |
| a variable | any variable of the roles `ml_server`, `nginx_lb`, `haproxy_lb`, `locust` and `ngrinder_agent` |

A grid has either `vusers` or `rate`. Each combination of levels is a cell.

## vars

Role variables that are the same in every cell. The [roles](roles.md) list them. A lab has three more, which can also be
factors:

| variable | meaning |
|---|---|
| `lab_server_capacity` | rate of a paced server, as in `140/s`; empty for the machine's full speed |
| `lab_service_time` | service time of a paced server, as in `50ms` |
| `lab_time_scaling` | factor of time scaling; `auto` lets the study measure it |"""
FILES = """# Files

`results/<name>-<hash>/` is the directory of a study:

| file | content |
|---|---|
| `report.pdf`, `report.html` | the report |
| `study.json` | configuration, plan, environment |
| `cells.csv`, `gains.csv` | cells and gains |
| `capacity.csv` | capacities, with objectives for a load |
| `failover.csv` | server failures, with `fail_servers` |
| `requests.csv` | requests by name, with `traffic` |
| `results.parquet` | every second of every trial, tidy |
| `trials/<cell>/r<k>/` | one folder for each trial; *k* is the repeat, `r0` a probe of a search |
| `trials/<cell>/r0-probe<n>/` | the *n*-th probe of a search at this load, from 2 |
| `trials/<cell>/r<k>-control/` | the block's control trial |
| `log/study.log` | the log |

A trial's folder has:

| file | content |
|---|---|
| `trial.json` | record of the trial |
| `samples.csv`, `hosts.csv`, `machines.csv`, `balancer.csv` | series, one row a second |
| `latency.hgrm` | encoded HDR histogram of the window's successes, in microseconds |
| `failures.hgrm` | the same for failures, each at the timeout or its own duration if longer |
| `latency.<name>.hgrm`, `failures.<name>.hgrm` | both by request, with `traffic` |

Ansible's input and output are outside, in a hidden folder of this clone (`harness/deploy/private.py`). They are removed
with the process. Texts among its variables are marked `!unsafe`, so Ansible evaluates none of them.

Rules for these files:

- A key that is written stays. More keys may follow within a format version.
- An unknown value is `null`, absent or an empty field, never 0.
- Times of day are ISO 8601 in UTC. Shares are 0 to 1.

In the tables, `<host>` and the like stand for names, `[]` for each entry of a list, `…` for everything below. *Raw*
values were read. The others are derived from raw data by `harness/judge/assess.py`; `study.py check` recomputes them.
"""
PARQUET = """## results.parquet

One row for each second of each trial. It has the factors, the columns of [trials](#trials) up to `usable`, `in_window`
(whether the second is in the steady window), and `t_s`, `completed`, `failed`, `users`, `in_flight` and `mean_ms` of
[samples.csv](#samplescsv).

## Locks

`/tmp/scale-out-locks/` has one file for each host that was ever used on this machine, named by a hash of its identity
(`harness/deploy/host_locks.py`). A study and `study.py down` hold the kernel's lock of each of their hosts' files. The
lock ends with the process, however it ends.

Each file has one line of JSON: `what` runs, on which `inventory`, `since` when (UTC), its `pid`, and when that process
`started` (Unix time). The files may be removed while no study runs.
"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown, as lines."""
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *table_rows(rows)]


def table_rows(rows: Iterable[Sequence[str]]) -> list[str]:
    """More rows of a table."""
    return [f"| {' | '.join(_cell(text) for text in row)} |" for row in rows]


def _cell(text: str) -> str:
    """Text in which nothing ends a cell or begins markup, except in code."""
    parts = re.split(r"(`[^`]*`)", text.replace("|", r"\|"))
    return "".join(part if part.startswith("`") else re.sub(r"([<>*])", r"\\\1", part) for part in parts)


PAGES = {"grid.md": grid, "cli.md": cli, "files.md": files, "sentences.md": sentences.page}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
