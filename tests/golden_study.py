"""Three small synthetic studies and their approved pages: `python -m tests.golden_study` renders them.

In Korean the text of the page and the first printed page are approved.

`closed` has virtual users, a server failure and prices; `open` has rates, objectives and capacities; `mix` has requests
of three names, with objectives for them and a share that shifted. Their records are made of formulas, so they are the
same on every machine, and a changed word needs no measurement.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
from scipy import special

from harness.balancers.nginx import NGINX
from harness.judge import latency_stats, reasons, request_stats
from harness.language import sentence
from harness.records.directory import StudyDirectory
from harness.records.environment import Environment
from harness.records.findings import Finding, Severity
from harness.records.reasons import Reason, ReasonKind
from harness.records.requests import Histograms
from harness.records.series import Sample
from harness.records.study import Ceiling
from harness.records.trial import TrialData, TrialRecord
from report import build
from report.model import Report
from report.output import html, pdf
from tests.builders import grid, study_record

GOLDEN = Path(__file__).resolve().parent / "golden"
SCALE = 0.5  # of the approved pages: 298 × 421 pixels
BLOCKS = 5
NOISE = (1.0, 1.004, 0.997, 1.002, 0.998)  # speed of a block
PER_SERVER = 140.0  # requests per second of one server
SERVICE_S = 1 / PER_SERVER
THINK_S, SECONDS, WINDOW = 2.0, 18, (7.0, 17.0)
LOAD = {"ramp_up": "2s", "duration": "17s", "timeout": "10s"}
PRICES = {"balancer": 0.1, "generator": 0.2, "server-1": 0.1, "server-2": 0.1, "server-3": 0.1}
ENVIRONMENT = Environment.model_validate(
    {
        "machine": {"cpu": "Example CPU", "cores": 4, "memory_gb": 16.0, "kernel": "6.1", "system": "Debian 12"},
        "docker": "27.0",
        "python": "3.12.0",
        "packages": {"pydantic": "2.12"},
        "nginx": "nginx version: nginx/1.26",
        "nginx_configuration": "events { worker_connections 4096; }\nhttp { keepalive_timeout 60s; }",
        "images": {"balancer": "study/balancer:latest", "server-1": "study/server:latest"},
        "kernel_settings": {"balancer": {"net.core.somaxconn": "4096"}},
        "locust": "2.32",
        "git": "0123abc",
    }
)
CEILING = Ceiling(per_s=1800.0, users=64, measured_at="2026-01-01T00:00:00+00:00", tries=(1750.0, 1800.0))
GROUPS = {"balancer": "load_balancers", "generator": "load_generators"}


def closed(directory: StudyDirectory) -> StudyDirectory:
    """1 to 3 servers at 500 and 1000 users; at 1000 users one of three servers is also stopped in mid-trial."""
    without = [{"servers": n, "fail_servers": 1} for n in (1, 2)] + [{"servers": 3, "vusers": 500, "fail_servers": 1}]
    factors = {"servers": [1, 2, 3], "vusers": [500, 1000], "fail_servers": [0, 1]}
    written = {"factors": factors, "exclude": without, "target": "250/s", "load": {**LOAD, "think_time": f"{THINK_S}s"}}
    trials: dict[str, TrialData] = {}
    for block, speed in enumerate(NOISE, 1):
        for servers in (1, 2, 3):
            for users in (500, 1000):
                cell = {"servers": servers, "vusers": users, "fail_servers": 0}
                trials[_where(cell, block)] = _users(cell, block, len(trials) + 1, speed)
        cell = {"servers": 3, "vusers": 1000, "fail_servers": 1}
        trials[_where(cell, block)] = _users(cell, block, len(trials) + 1, speed)
    trials[_where({"servers": 1, "vusers": 500, "fail_servers": 0}, 3)] = _invalid(
        trials[_where({"servers": 1, "vusers": 500, "fail_servers": 0}, 3)]
    )
    return _written(directory, "golden-closed", written, trials)


def open_(directory: StudyDirectory) -> StudyDirectory:
    """1 to 3 servers at three rates each, around the rate at which 5 % of the requests take longer than 500 ms."""
    rates = {1: (112, 120, 128), 2: (238, 252, 266), 3: (361, 385, 409)}
    levels = sorted(rate for each in rates.values() for rate in each)
    without = [{"servers": n, "rate": f"{rate}/s"} for n in rates for rate in levels if rate not in rates[n]]
    written = {
        "factors": {"servers": [1, 2, 3], "rate": [f"{rate}/s" for rate in levels]},
        "exclude": without,
        "objectives": {"p95": "500ms", "error_rate": "1%"},
        "target": "240/s",
        "load": LOAD,
    }
    trials: dict[str, TrialData] = {}
    for block, speed in enumerate(NOISE, 1):
        for servers, mine in rates.items():
            for rate in mine:
                cell = {"servers": servers, "rate": float(rate)}
                trials[_where(cell, block)] = _rate(cell, block, len(trials) + 1, speed, crossing=mine[1])
    return _written(directory, "golden-open", written, trials)


def mix(directory: StudyDirectory) -> StudyDirectory:
    """1 to 3 servers at 1000 users who send three requests; with 3 servers a script sent more of the cheap ones."""
    names = {"predict": 6, "history": 3, "upload image": 1}
    requests = [{"name": name, "weight": weight, "request": {"path": "/"}} for name, weight in names.items()]
    written = {
        "factors": {"servers": [1, 2, 3], "vusers": [1000]},
        "request": None,
        "traffic": {"requests": requests},
        "objectives": {"p95": {"predict": "2s", "*": "10s"}},
        "load": {**LOAD, "think_time": f"{THINK_S}s"},
    }
    trials: dict[str, TrialData] = {}
    for block, speed in enumerate(NOISE, 1):
        for servers in (1, 2, 3):
            cell = {"servers": servers, "vusers": 1000}
            shares = (0.54, 0.36, 0.1) if servers == 3 else (0.6, 0.3, 0.1)
            data = _users({**cell, "fail_servers": 0}, block, len(trials) + 1, speed)
            trials[_where(cell, block)] = _of_mix(data, cell, dict(zip(names, shares, strict=True)), written)
    return _written(directory, "golden-mix", written, trials)


STUDIES: dict[str, Callable[[StudyDirectory], StudyDirectory]] = {"closed": closed, "open": open_, "mix": mix}


def made(name: str, into: Path) -> StudyDirectory:
    """Write the study of a name."""
    return STUDIES[name](StudyDirectory(into / f"golden-{name}-0123abcd"))


def page(report: Report) -> str:
    """Return the HTML page without style, scripts and charts' data."""
    return str(html.main(report))


def _where(cell: dict[str, Any], block: int) -> str:
    return "_".join(f"{name}-{level:g}" for name, level in cell.items()) + f"/r{block}"


def _users(cell: dict[str, Any], block: int, position: int, speed: float) -> TrialData:
    """A closed loop: the least of what users can send and what servers can serve."""
    servers, users, failed = cell["servers"], cell["vusers"], cell["fail_servers"]
    bound = users / (THINK_S + SERVICE_S)
    capacity = PER_SERVER * servers * (1 - 0.02 * (servers - 1)) * speed * (1 + 0.004 * ((block * servers) % 3 - 1))
    tps = min(0.99 * bound, capacity)
    served = tps == capacity
    in_flight = max(users - tps * THINK_S, 1.0)
    rows = [
        Sample(
            t_s=t,
            completed=round(tps + (t * 7) % 5 - 2),
            failed=0,
            users=users,
            in_flight=in_flight,
            mean_ms=1000 * in_flight,
            think_s=tps * THINK_S,
            thinks=round(tps),
            busiest_cpu_s=0.2,
            lag_ms=1.0,
            thinking=0,
        )
        for t in range(SECONDS)
    ]
    bottleneck = _bottleneck(
        ReasonKind.SLOTS_BUSY if served else ReasonKind.USERS_SERVED, tps / bound, min(1.0, tps / capacity), users
    )
    more: dict[str, Any] = {"bottleneck": bottleneck}
    if failed:
        rows = [_after_failure(row, servers) for row in rows]
        tps = sum(row.completed for row in rows[7:17]) / 10
        latencies = {"p50": 900.0, "p95": 1900.0, "p99": 2300.0}
        more |= {"failover": _failover(servers, rows), "latency_with_failures_ms": latencies}
    record = _record(cell, block, position, tps, 1000 * in_flight / tps, **more)
    return TrialData(
        record=record, samples=rows, hosts=[], balancer=[], latencies=_histogram(1000 * in_flight / tps, round(tps))
    )


def _of_mix(data: TrialData, cell: dict[str, Any], shares: dict[str, float], keys: dict[str, Any]) -> TrialData:
    """The same trial with its requests by name: a history takes a tenth of a prediction, an upload three times."""
    record, window_s = data.record, round(WINDOW[1] - WINDOW[0])
    mean_ms, count = float(record.latency_ms["p50"] or 0), round(float(record.tps_mean or 0) * window_s)
    times = dict(zip(shares, (1.0, 0.1, 3.0), strict=True))
    own = {name: round(share * count) for name, share in shares.items()}
    histograms = {name: Histograms(_histogram(times[name] * mean_ms, own[name] / 10)) for name in shares}
    counted = {
        name: {"requests": requests, "completed": requests, "failed": 0, "slow": 0} for name, requests in own.items()
    }
    changed = {**record.model_dump(mode="json"), "cell": cell, "requests": counted}
    data = replace(data, record=TrialRecord.model_validate(changed), request_histograms=histograms)
    requests = request_stats.of_requests(data, grid(**keys), window_s)
    return replace(data, record=data.record.model_copy(update={"requests": requests}))


def _invalid(data: TrialData) -> TrialData:
    """The same trial with two findings, one of which makes it invalid."""
    late = Finding.of(
        rule="E6",
        severity=Severity.INVALID,
        cause=sentence(
            "the generator's event loop was late by {lag_ms:,.0f} ms, more than {allowed_ms:,.0f} ms",
            lag_ms=210.0,
            allowed_ms=101.0,
        ),
        next_step=sentence("give the load generator more CPU, or stop other programs on its machine"),
    )
    logged = Finding.of(
        rule="E9",
        severity=Severity.NOTE,
        cause=sentence('the balancer logged "{event}" {count} times', event="upstream timed out", count=12),
        next_step=sentence(NGINX.events["upstream timed out"].fix, less=sentence("fewer users")),
    )
    more = {"outcome": "invalid", "cause": late.cause, "tps_mean": None, "tps_peak": None, "findings": (late, logged)}
    record = TrialRecord.model_validate({**data.record.model_dump(mode="json"), **more})
    return replace(data, record=record)


def _after_failure(row: Sample, servers: int) -> Sample:
    """A second of a trial whose server is killed in second 12: 41 requests fail, a share of the rest is left."""
    if row.t_s < 12:
        return row
    left = round(row.completed * (servers - 1) / servers)
    return replace(row, completed=left, failed=41 if row.t_s == 12 else 0)


def _failover(servers: int, rows: list[Sample]) -> dict[str, Any]:
    before = sum(row.completed for row in rows[7:12]) / 5
    after = sum(row.completed for row in rows[12:17]) / 5
    return {
        "servers": ["server-3"],
        "of": servers,
        "at_s": 12.0,
        "failed": 41,
        "failed_at_balancer": 41,
        "failing_s": 1.0,
        "expected": (servers - 1) / servers,
        "recovery_s": 1.0,
        "latency_recovery_s": None,
        "before": {"from_s": 7.0, "to_s": 12.0, "tps": before, "error_rate": 0.0, "mean_ms": 380.0},
        "after": {"from_s": 12.0, "to_s": 17.0, "tps": after, "error_rate": 0.0, "mean_ms": 1560.0},
    }


def _rate(cell: dict[str, Any], block: int, position: int, speed: float, crossing: float) -> TrialData:
    """An open load whose late share is a probit line: 5 % at `crossing` times the block's speed."""
    rate = cell["rate"]
    late = float(special.ndtr(special.ndtri(0.05) + 20 * math.log(rate / crossing / speed)))
    requests = 100_000
    p95 = 500 * (rate / crossing / speed) ** 6
    more = {
        "bottleneck": _bottleneck(ReasonKind.RATE_SERVED, 1.0, rate / PER_SERVER / cell["servers"]),
        "objective_counts": {"requests": requests, "late": round(late * requests), "failed": 0},
        "latency_with_failures_ms": {"p50": p95 / 2.5, "p95": p95, "p99": 1.6 * p95},
    }
    rows = [
        Sample(
            t_s=t,
            completed=round(rate),
            failed=0,
            users=0,
            in_flight=4.0,
            mean_ms=40.0,
            think_s=0.0,
            thinks=0,
            busiest_cpu_s=0.2,
            lag_ms=1.0,
            thinking=0,
        )
        for t in range(SECONDS)
    ]
    record = _record(cell, block, position, rate, p95 / 2.5, **more)
    return TrialData(record=record, samples=rows, hosts=[], balancer=[], latencies=_histogram(p95 / 2.5, round(rate)))


def _histogram(median_ms: float, count: float) -> str:
    """Some successes around a median, with a tail."""
    shares = ((0.5, 0.3), (1.0, 0.4), (1.6, 0.2), (2.5, 0.08), (4.0, 0.02))
    return latency_stats.histogram_of_ms(
        [(round(times * median_ms), round(10 * count * share)) for times, share in shares]
    )


def _bottleneck(basis: ReasonKind, of_load: float, cpu: float, users: int | None = None) -> dict[str, Any]:
    """A bottleneck with its figures; `of_load` and `cpu` are utilizations of the load's maximum and of the servers."""
    component = "server" if basis is ReasonKind.SLOTS_BUSY else "load"
    figures = {
        "server_cpu": round(min(1.0, cpu), 3),
        "server_slots": 1.0,
        "balancer_cpu": 0.12,
        "generator_cpu": 0.31,
        "response_s": 0.4 if component == "server" else 0.02,
        "unloaded_s": round(SERVICE_S, 4),
        "of_offered" if users is None else "of_users_bound": round(of_load, 3),
    }
    reason = Reason(kind=basis, users=users)
    return {
        "component": component,
        "basis": reason.model_dump(mode="json"),
        "reason": reasons.sentence(reason, figures),
        "figures": figures,
    }


def _record(cell: dict[str, Any], block: int, position: int, tps: float, mean_ms: float, **more: Any) -> TrialRecord:
    base: dict[str, Any] = {
        "id": f"{position:04d}",
        "cell": cell,
        "repeat": block,
        "block_position": position,
        "started_at": f"2026-01-01T00:{position:02d}:00+00:00",
        "outcome": "ok",
        "window": {"from_s": WINDOW[0], "to_s": WINDOW[1]},
        "tps_mean": tps,
        "tps_peak": tps * 1.03,
        "error_rate": 0.0,
        "latency_ms": {"p50": mean_ms, "p95": 2.5 * mean_ms, "p99": 4 * mean_ms},
        "unloaded_ms": 1000 * SERVICE_S,
        "load_s": 18.0,
        "overhead_s": 4.0,
        "figures": {"littles_law_residual": 0.004, "users": cell.get("vusers", 0), "send_delay_p99_ms": 0.4},
    }
    return TrialRecord.model_validate({**base, **more})


def _written(
    directory: StudyDirectory, name: str, keys: dict[str, Any], trials: dict[str, TrialData]
) -> StudyDirectory:
    written = grid(name=name, repeats=BLOCKS, seed=2024, **keys)
    hosts = {name: {"group": GROUPS.get(name, "ml_servers"), "lab_server_capacity": "140/s"} for name in PRICES}
    for where, data in trials.items():
        directory.write_trial(where, data)
    directory.write_study(
        study_record(
            name=name,
            configuration={"grid": written.model_dump(mode="json", by_alias=True), "hosts": hosts},
            plan=list(trials),
            kind="lab",
            environment=ENVIRONMENT,
            time_scaling={"factor": 1.0, "needed_cores": 1.2, "available_cores": 3.6, "cpu_ms": {"balancer": 0.21}},
            ceiling=CEILING,
            calibration={
                "passed": True,
                "text": "found 2.000 [1.990, 2.010] for 2 (error 0.00 %)",
                "measured_at": "2025-12-31T00:00:00+00:00",
                "study": "calibration-0123abcd",
            },
            stopping={"min": BLOCKS, "max": BLOCKS},
            rented={host: {"usd_per_hour": usd} for host, usd in PRICES.items()},
            runs=[{"started_at": "2026-01-01T00:00:00+00:00", "duration_s": 1200.0, "measured": len(trials)}],
        )
    )
    return directory


def main() -> None:
    """Render the approved pages again."""
    for name in STUDIES:
        with tempfile.TemporaryDirectory() as folder:
            study = made(name, Path(folder))
            report, _ = build.model_of(study)
            korean, _ = build.model_of(study, language="ko")
        target = GOLDEN / name
        target.mkdir(parents=True, exist_ok=True)
        for old in target.glob("page-*.png"):
            old.unlink()
        (target / "page.html").write_text(page(report), encoding="utf-8")
        (target / "page.ko.html").write_text(page(korean), encoding="utf-8")
        first = pypdfium2.PdfDocument(pdf.pdf(korean))[0]
        first.render(scale=SCALE, grayscale=True).to_pil().save(target / "first.ko.png", optimize=True)
        for number, drawn in enumerate(pypdfium2.PdfDocument(pdf.pdf(report)), 1):
            drawn.render(scale=SCALE, grayscale=True).to_pil().save(target / f"page-{number}.png", optimize=True)


if __name__ == "__main__":
    main()
