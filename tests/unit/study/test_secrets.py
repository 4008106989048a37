"""A study's secrets reach the service, appear nowhere else, and are part of the study's identity."""

import json
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import CannotRun
from harness.grid.dataset import Dataset, Source
from harness.records import secret_key
from harness.records.directory import StudyDirectory
from harness.study import check, compare, forecast, identity, traffic_secrets
from harness.traffic.sent_traffic import SentTraffic
from report import build
from report.output import ci_summary
from tests.builders import grid
from tests.pages import contents
from tests.study_stubs import FakeSite

TOKEN = {"env": "SERVICE_TOKEN"}
KEYS: dict[str, Any] = {
    "factors": {"servers": [1, 2], "vusers": [1000]},
    "request": {
        "method": "POST",
        "path": "/predict?token=canary-query&lang=ko",
        "query": {"q": TOKEN},
        "headers": {"authorization": "Bearer canary-header", "X-Plain": TOKEN, "Accept": "*/*"},
        "json": {"text": "hello", "credentials": {"user": "canary-user", "passwords": ["canary-body"]}},
    },
    "vars": {"ml_server_env": {"API_KEY": "canary-variable", "DB": "pg://me:canary-url@db/x", "PLAIN": TOKEN}},
}
TRAFFIC: dict[str, Any] = {
    "data": {"file": "rows.jsonl"},
    "login": {
        "request": {
            "method": "POST",
            "path": "/login?api_key=canary-login-query",
            "form": {"user": "${row.user}", "password": "canary-form", "pin": "${secret.PIN}"},
        },
        "extract": {"token": {"json": "$.access_token"}},
    },
    "requests": [
        {
            "name": "predict",
            "weight": 9,
            "request": {
                "method": "POST",
                "path": "/p/${secret.PATH_PART}",
                "params": {"sig": "canary-parameter", "limit": 10},
                "headers": {"authorization": "Bearer ${token}", "X-Api-Key": "canary-header"},
                "json": {"a": ["${secret.PIN}"], "session": "canary-json"},
            },
        },
        {
            "name": "upload",
            "request": {
                "path": "/u",
                "method": "POST",
                "multipart": [{"name": "password", "value": "canary-part"}, {"name": "f", "file": "secret.bin"}],
            },
        },
        {"name": "text", "request": {"path": "/t", "method": "POST", "text": "pin=${secret.PIN}"}},
    ],
}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Return a function that switches to a machine with its own key."""
    monkeypatch.setenv("SERVICE_TOKEN", "canary/reference")

    def at(name: str) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "machines" / name))

    at("first")
    return at


@pytest.fixture
def site() -> FakeSite:
    """Hosts with a secret in their inventory."""
    made = FakeSite()
    env = {"ml_server_env": {"HF_TOKEN": "canary-host"}}
    hosts = tuple(replace(host, variables={**host.variables, **env}) for host in made.inventory.hosts)
    made.inventory = replace(made.inventory, hosts=hosts)
    return made


def failing(directory: StudyDirectory) -> list[str]:
    """Return the differences that `check` finds, without missing tables."""
    return [line.text for line in check.check(directory) if not line.ok and "is missing. Fix" not in line.text]


@pytest.mark.usefixtures("machine")
def test_nothing_that_a_study_writes_or_prints_has_a_secret(site: FakeSite, tmp_path: Path) -> None:
    results = tmp_path / "results"
    site.broken[2] = "docker: env API_KEY=canary-variable is no good"
    study = site.study(results, **KEYS)
    study.run()
    directory = StudyDirectory(study._directory.path)
    build.write(directory, {"html", "pdf", "data"}, "A4")
    made = build.model_of(directory)
    (results / "report.md").write_text(ci_summary.markdown(*made))
    (results / "junit.xml").write_text(ci_summary.junit(*made))
    written = contents(results)
    assert {"report.html", "report.pdf", "study.json"} <= {Path(name).name for name in written}
    assert [name for name, text in written.items() if b"canary" in text] == []
    assert "canary" not in str(site.events)
    recorded = directory.need_study()
    assert len(re.findall(r"masked:", json.dumps(recorded.configuration.model_dump(mode="json")))) >= 9
    assert recorded.nominal_grid.requests[0].request.headers["Accept"] == "*/*"
    assert "lang=ko" in recorded.nominal_grid.requests[0].request.path


@pytest.fixture
def traffic(site: FakeSite, monkeypatch: pytest.MonkeyPatch) -> FakeSite:
    """The site with rows, a file and secrets for TRAFFIC."""
    monkeypatch.setenv("PIN", "canary/pin&1")
    monkeypatch.setenv("PATH_PART", "canary/path")
    files = {"secret.bin": b"canary-file"}
    sources = {"rows.jsonl": Source.of(b"canary-rows"), "secret.bin": Source.of(b"canary-file")}
    site.dataset = Dataset(rows=({"user": "canary-row"},), files=files, sources=sources)
    return site


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("wrong", ["", "status 302", "body", "extract token"])
def test_nothing_that_a_study_writes_or_prints_has_a_secret_of_its_traffic(
    traffic: FakeSite, tmp_path: Path, wrong: str
) -> None:
    """Neither values of `${secret.…}`, nor rows, files, and responses to a login."""
    results, traffic.wrong = tmp_path / "results", wrong
    study = traffic.study(results, **{**KEYS, "request": None, "traffic": TRAFFIC})
    study.run()
    directory = StudyDirectory(study._directory.path)
    if not wrong:
        build.write(directory, {"html", "pdf", "data"}, "A4")
        made = build.model_of(directory)
        (results / "report.md").write_text(ci_summary.markdown(*made))
    written = contents(results)
    assert [name for name, text in written.items() if b"canary" in text] == []
    assert "canary" not in str(traffic.events)
    assert not wrong or "login: POST" in str([record.cause for record in directory.trials().values()])
    recorded = directory.need_study().configuration
    assert recorded.files["rows.jsonl"].size == 11
    stored = recorded.grid["traffic"]
    assert stored["login"]["extract"]["token"] == {"json": "$.access_token"}
    assert stored["login"]["request"]["form"]["pin"] == "${secret.PIN}"
    assert stored["requests"][0]["request"]["headers"]["authorization"] == "Bearer ${token}"
    assert stored["requests"][0]["request"]["params"]["limit"] == 10


@pytest.mark.usefixtures("machine")
def test_the_load_gets_the_values_of_secrets_of_traffic(traffic: FakeSite, tmp_path: Path) -> None:
    found = SentTraffic.of_grid(traffic.config(tmp_path, request=None, traffic=TRAFFIC).grid.scaled(2)).wire()
    assert found["requests"][2]["body"] == {"text": "pin=canary/pin&1"}
    assert found["login"]["body"]["form"][2] == ["pin", "canary/pin&1"]


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("value", ["canary\n", "canary→", "canary$"])
def test_a_secret_that_cannot_be_sent_is_reported_without_its_value(
    site: FakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """A header with a line break is no header; `$` before `${` would change what is a template."""
    monkeypatch.setenv("PIN", value)
    request = {"path": "/", "headers": {"a": "${secret.PIN}${user}"}}
    written = grid(request=None, traffic={"requests": [{"name": "a", "request": request}]})
    _, ((where, words),) = traffic_secrets.fill(tmp_path, tmp_path, written, site.inventory)
    assert where == ("traffic", "requests", 0, "request", "headers", "a")
    assert words.startswith("traffic.requests.0.request.headers.a: the value of ${secret.PIN} cannot be sent")
    assert "canary" not in words


@pytest.mark.usefixtures("machine")
def test_a_changed_file_is_another_study_and_named(traffic: FakeSite, tmp_path: Path) -> None:
    first = traffic.config(tmp_path, request=None, traffic=TRAFFIC)
    assert traffic.dataset
    sources = {**traffic.dataset.sources, "rows.jsonl": Source.of(b"other rows")}
    traffic.dataset = replace(traffic.dataset, sources=sources)
    second = traffic.config(tmp_path, request=None, traffic=TRAFFIC)
    assert first.directory.path != second.directory.path
    found = identity.differences(first.configuration, second.configuration)
    assert [each.key for each in found] == [("files", "rows.jsonl", "sha256"), ("files", "rows.jsonl", "size")]


@pytest.mark.usefixtures("machine")
def test_the_load_and_the_servers_get_the_unmasked_values(site: FakeSite, tmp_path: Path) -> None:
    config = site.config(tmp_path, **KEYS)
    assert config.grid.requests[0].request.headers["X-Plain"] == "canary/reference"
    assert config.grid.requests[0].request.path.endswith("&q=canary%2Freference")
    assert config.grid.scaled(2).request == config.grid.request
    study = site.study(tmp_path, **KEYS)
    assert study._deployment.fixed["ml_server_env"]["PLAIN"] == "canary/reference"


@pytest.mark.usefixtures("machine")
def test_another_secret_is_another_study_and_the_same_one_resumes(
    site: FakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = site.study(tmp_path, **KEYS)
    first.run()
    directory = StudyDirectory(first._directory.path)
    assert failing(directory) == []
    assert site.study(tmp_path, **KEYS).run() == 0
    names = {directory.path.name}
    monkeypatch.setenv("SERVICE_TOKEN", "canary/changed")
    names.add(site.config(tmp_path, **KEYS).directory.path.name)
    monkeypatch.setenv("SERVICE_TOKEN", "canary/reference")
    request = {**KEYS["request"], "headers": {"authorization": "Bearer canary-other"}}
    names.add(site.config(tmp_path, **{**KEYS, "request": request}).directory.path.name)
    assert len(names) == 3


def test_a_damaged_study_of_the_same_name_does_not_prevent_a_new_one(site: FakeSite, tmp_path: Path) -> None:
    """Studies with secrets are searched for one that another key masked."""
    damaged = tmp_path / f"{site.config(tmp_path, **KEYS).grid.name}-0badc0de"
    damaged.mkdir()
    (damaged / "study.json").write_text("{")
    assert site.study(tmp_path, **KEYS).run() > 0


def test_a_study_is_resumed_checked_and_compared_on_another_machine(
    site: FakeSite, tmp_path: Path, machine: Callable[[str], None]
) -> None:
    """Another key makes other masks, so the study reports that changed secrets cannot be detected."""
    results = tmp_path / "results"
    first = site.study(results, **KEYS)
    first.run()
    directory = StudyDirectory(first._directory.path)
    machine("second")
    there = site.config(results, **KEYS)
    assert there.directory.path == directory.path
    assert not there.remaining_trials()
    assert "cannot detect whether they have changed" in forecast.sentences(there)[0]
    assert failing(directory) == []
    assert site.config(results, **{**KEYS, "seed": 5}).directory.path != directory.path
    other = site.study(results, **{**KEYS, "name": "other"})
    other.run()
    found = compare.compare(*(compare.load(StudyDirectory(s._directory.path)) for s in (first, other)))
    assert "masked" not in str([found.reasons, found.differences])
    assert identity.is_foreign(directory.need_study().configuration)


def test_each_user_has_one_private_key(machine: Callable[[str], None]) -> None:
    key = secret_key.read()
    assert secret_key.read() == key
    assert len(key) == 32
    assert stat.S_IMODE(secret_key.place().stat().st_mode) == 0o600
    assert [path.name for path in secret_key.place().parent.iterdir()] == ["identity.key"]
    machine("second")
    assert secret_key.read() != key
    secret_key.place().write_bytes(b"short")
    with pytest.raises(CannotRun, match="not a key of 32 bytes"):
        secret_key.read()


@pytest.mark.usefixtures("machine")
def test_unmasked_records_are_not_printed(site: FakeSite, tmp_path: Path) -> None:
    """A study.json may hold secrets in plain text: it is readable, and the secrets are never shown."""
    keys = {
        **KEYS,
        "request": {**KEYS["request"], "query": {"sig": "canary-sig"}, "headers": {"authorization": "canary-header"}},
        "vars": {"ml_server_env": {"API_KEY": "canary-variable"}},
    }
    study = site.study(tmp_path, **keys)
    study.run()
    directory = StudyDirectory(study._directory.path)
    masked = directory.need_study()
    plain = study._grid.model_dump(mode="json", by_alias=True)
    hosts = {
        name: {**recorded, "ml_server_env": {"HF_TOKEN": "canary-host"}}
        for name, recorded in masked.configuration.hosts.items()
    }
    earlier = masked.configuration.model_copy(update={"grid": plain, "hosts": hosts})
    directory.write_study(masked.model_copy(update={"configuration": earlier}))
    lines = identity.differences(earlier, masked.configuration)
    assert lines
    assert "canary" not in str(lines)
    build.write(directory, {"html"}, "A4")
    assert b"canary" not in (directory.path / "report.html").read_bytes()
