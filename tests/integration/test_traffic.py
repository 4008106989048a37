"""A mix of requests with data, a login and secrets over HTTPS, as a whole study in the real lab."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import docker
import httpx
import pytest

from harness.deploy.inventory.hosts import Inventory, Url
from harness.records.directory import StudyDirectory
from harness.records.findings import Severity
from harness.records.trial import TrialRecord
from tests.integration.conftest import BUSY_MACHINE, GRIDS, ROOT, command, small_grid, study, wait_for
from tests.integration.test_resumed_study import holding, visible_to_others

pytestmark = pytest.mark.concurrent

DIGITS = GRIDS / "data" / "digits.jsonl"
SECRETS = {"DEMO_PASSWORD": "canary-password", "DEMO_HEADER": "canary-header", "DEMO_QUERY": "canary-query"}
TRAFFIC = {
    "data": {"file": "rows.jsonl", "per": "user"},
    "login": {
        "request": {
            "method": "POST",
            "path": "/login",
            "form": {"user": "${row.user}", "password": "${secret.DEMO_PASSWORD}"},
        },
        "extract": {"token": {"json": "$.access_token"}},
    },
    "requests": [
        {
            "name": "predict",
            "weight": 3,
            "request": {
                "method": "POST",
                "path": "/predict",
                "headers": {"X-Key": "${secret.DEMO_HEADER}"},
                "json": {"image": "${row.image}"},
            },
            "expect": {"body": '"label":\\d'},
        },
        {
            "name": "history",
            "weight": 1,
            "request": {
                "path": "/history/${row.user}",
                "params": {"limit": 2, "note": "${secret.DEMO_QUERY}"},
                "headers": {"Authorization": "Bearer ${token}"},
            },
        },
    ],
}


@dataclass(frozen=True, kw_only=True)
class Done:
    """The study's directory, everything it printed, what other users could see while it ran, and one login's token.

    `environment` is that of the first server while the study ran.
    """

    directory: StudyDirectory
    output: str
    visible: str
    token: str
    environment: list[str]

    @property
    def records(self) -> list[TrialRecord]:
        return list(self.directory.trials().values())


def broken(record: TrialRecord) -> set[str]:
    """Return the rules that make a trial invalid."""
    return {finding.rule for finding in record.findings if finding.severity == Severity.INVALID}


@pytest.fixture(scope="module")
def done(deployed: Inventory, tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient) -> Done:
    folder = tmp_path_factory.mktemp("traffic")
    (folder / "rows.jsonl").write_bytes(DIGITS.read_bytes())
    grid = small_grid(
        folder / "grid.yaml",
        name="traffic",
        factors={"servers": [1, 2], "vusers": [100]},
        vars={
            "lab_time_scaling": 1,
            "ml_server_env": {"DEMO_PASSWORD": {"env": "DEMO_PASSWORD"}},
            "nginx_lb_tls": True,
        },
        traffic=TRAFFIC,
        repeats=1,
        without=("request",),
    )
    patch = pytest.MonkeyPatch()
    for name, value in SECRETS.items():
        patch.setenv(name, value)
    arguments = command("--grid", grid, "--results", folder / "results", "--json")
    with (folder / "errors.txt").open("w+") as errors:
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT) as running:
            ended = wait_for(running, "trial_ended")
            wait_for(running, "sample_taken", seconds=4)
            visible = visible_to_others(deployed.generator.container, engine)
            token = token_of_first_user(deployed)
            environment = engine.containers.get(deployed.servers[0].container).attrs["Config"]["Env"]
            assert running.stdout
            output = json.dumps(ended) + running.stdout.read()
        errors.seek(0)
        output += errors.read()
    patch.undo()
    assert running.returncode in (0, 3), output[-3000:]
    directory = StudyDirectory(next((folder / "results").iterdir()))
    return Done(directory=directory, output=output, visible=visible, token=token, environment=environment)


def token_of_first_user(lab: Inventory) -> str:
    """Log in as the first row's user; the service's tokens follow from the user alone."""
    user = json.loads(DIGITS.read_text(encoding="utf-8").splitlines()[0])["user"]
    form = {"user": user, "password": SECRETS["DEMO_PASSWORD"]}
    url = lab.balancer.url(Url.SERVICE).replace("http://", "https://")
    answer = httpx.post(f"{url}/login", data=form, trust_env=False, timeout=30, verify=False)  # noqa: S501 - self-signed
    return str(answer.json()["access_token"])


def test_every_request_of_the_mix_succeeds_in_its_share(done: Done) -> None:
    assert len(done.records) == 2
    for record in done.records:
        assert broken(record) <= BUSY_MACHINE, record.cause
        assert record.error_rate == 0, record.findings
        assert not {finding.rule for finding in record.findings} & {"E8", "E13", "E25"}, record.findings
        counts = {name: stats.requests for name, stats in record.requests.items()}
        assert set(counts) == {"predict", "history"}
        total = sum(counts.values())
        assert abs(counts["history"] - total / 4) < 4 * (total * 0.25 * 0.75) ** 0.5  # binomial
        assert record.logins
        assert record.logins.completed == 100
        assert not record.logins.errors


def test_all_topologies_of_a_block_were_sent_the_same(done: Done) -> None:
    first, second = (record.sent for record in done.records)
    shared = first.keys() & second.keys()
    assert {"1", "2"} <= shared
    assert {key: first[key] for key in shared} == {key: second[key] for key in shared}


def test_the_study_passes_its_check_and_has_a_table_by_request(done: Done) -> None:
    checked = study("check", done.directory.path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    table = done.directory.path / "requests.csv"
    assert table.exists() == any(record.usable for record in done.records)
    if table.exists():
        with table.open(encoding="utf-8") as file:
            assert {row["request"] for row in csv.DictReader(file)} == {"predict", "history"}


def test_no_secret_and_no_token_is_stored_or_visible(done: Done, lab: Inventory, engine: docker.DockerClient) -> None:
    assert len(done.token) > 20
    for word in (b"canary", done.token.encode()):
        assert holding(word, done.directory.path.parent, ROOT / ".state") == []
        assert word.decode() not in done.output + done.visible
        logs = {host.name: engine.containers.get(host.container).logs() for host in lab.hosts}
        assert [name for name, log in logs.items() if word in log] == []
    assert "DEMO_PASSWORD=canary-password" in done.environment, "the servers must receive it"


@pytest.mark.usefixtures("done")
def test_no_file_of_the_load_generator_is_readable_by_others(lab: Inventory, engine: docker.DockerClient) -> None:
    """Rows and texts stay in memory; the only file of the control API is the token."""
    generator = engine.containers.get(lab.generator.container)
    code, listed = generator.exec_run(["find", "/tmp", "-type", "f", "-perm", "/077"])  # noqa: S108 - in its container
    assert code == 0
    assert listed == b""


@pytest.mark.usefixtures("deployed")
def test_your_locust_script_is_counted_as_by_the_servers(tmp_path: Path) -> None:
    """The example script, unmodified; its waits are measured."""
    shutil.copytree(ROOT / "examples" / "locust", tmp_path / "locust")
    grid = small_grid(
        tmp_path / "grid.yaml",
        name="script",
        factors={"servers": [2], "vusers": [40]},
        load={"ramp_up": "2s", "duration": "9s"},
        traffic={"locustfile": "locust/load.py", "env": {"CLIENT": "test"}},
        without=("request",),
    )
    finished = study("--grid", grid, "--results", tmp_path / "results")
    assert finished.returncode in (0, 3), finished.stdout[-3000:] + finished.stderr
    records = list(StudyDirectory(next((tmp_path / "results").iterdir())).trials().values())
    assert records
    for record in records:
        assert broken(record) <= BUSY_MACHINE, record.cause
        assert record.error_rate == 0, record.findings
        assert set(record.requests) == {"one", "batch"}
        assert not {finding.rule for finding in record.findings} & {"E8", "E13"}, record.findings
        assert record.counters
        served = sum(by.get("200", 0) for by in record.counters.servers.values() if by)
        sent = record.counters.generator.statuses
        assert served == sum(sent.get(each, 0) for each in ("200",)) > 100
