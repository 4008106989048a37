"""The reference page of a study's files, from the descriptions of keys and columns in harness/records."""

from __future__ import annotations

from collections.abc import Mapping

from docs.markdown import NOTE, table
from harness.records import column_descriptions as columns
from harness.records import key_descriptions as keys
from harness.records import study_key_descriptions as study_keys


def page() -> str:
    """The files of a study's directory."""
    text = [
        NOTE,
        FILES,
        "## trial.json\n",
        *_keys(keys.TRIAL),
        "\n## study.json\n",
        "`harness/records/study.py` makes a grid of it again.\n",
        *_keys(study_keys.STUDY),
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
