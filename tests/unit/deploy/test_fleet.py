"""Rented machines: their cost is in the report, and a running study extends their time."""

import subprocess
from pathlib import Path
from typing import Any, cast

import pytest
from jinja2 import Environment

from harness.deploy import fleet
from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host, Inventory
from harness.grid.schema import Grid
from harness.records.directory import StudyDirectory
from harness.records.study import Rented, StudyRecord
from harness.study import identity
from harness.study.config import StudyConfig
from harness.study.new_record import new_record
from report.sentences import environment, method
from tests.builders import study_record

ROOT = Path(__file__).resolve().parents[3]
END = "/usr/local/sbin/scale-out-end"


def hosts(**more: Any) -> Inventory:
    """A balancer, two servers and a generator at 0.1, 0.1, 0.1 and 0.3 USD an hour."""
    prices = {"load_balancers": 0.1, "ml_servers": 0.1, "load_generators": 0.3}
    servers = {"server-1": "ml_servers", "server-2": "ml_servers"}
    names = {"balancer": "load_balancers", **servers, "generator": "load_generators"}
    return Inventory(
        "inventory/x",
        tuple(
            Host.parse(
                name,
                group,
                {
                    "study_container_engine": "ssh",
                    "study_instance_type": "c7i.xlarge" if group == "load_generators" else "c7i.large",
                    "study_usd_per_hour": prices[group],
                    **more,
                },
            )
            for name, group in names.items()
        ),
    )


def record(tmp_path: Path, inventory: Inventory) -> StudyRecord:
    """Return the first record of a study on these hosts."""
    grid = Grid.model_validate(
        {
            "name": "x",
            "factors": {"servers": [1, 2], "vusers": [100]},
            "load": {"think_time": "1s", "ramp_up": "2s", "duration": "12s"},
            "request": {"path": "/predict"},
        }
    )
    effective = identity.effective(grid, inventory)
    config = StudyConfig(
        grid=grid,
        inventory=inventory,
        inventory_path=tmp_path,
        configuration=effective,
        directory=StudyDirectory(tmp_path / "study"),
        time_factor=1.0,
    )
    return new_record(config, lambda: 1).model_copy(update={"rented": fleet.rented(inventory)})


def test_the_report_has_types_and_cost_of_rented_machines(tmp_path: Path) -> None:
    study = record(tmp_path, hosts())
    types = "c7i.large (balancer, server-1, server-2) and c7i.xlarge (generator)"
    assert environment.sentences(study) == f"Measured on {types}."
    study = study.model_copy(update={"runs": study_record(runs=[{"duration_s": 3600}, {"duration_s": 1800}]).runs})
    assert method._cost(study) == "; 0.90 USD at the inventory’s prices"


def test_the_report_lists_hosts_that_moved_between_runs() -> None:
    run = {"duration_s": 60.0}
    assert method._time(study_record(runs=[run, run]), {}) == "2 min 00 s in 2 runs"
    duration = method._time(study_record(runs=[run, {**run, "moved": ["server-1: 10.0.1.11 → 10.0.1.99"]}]), {})
    assert duration.endswith("since the run before, perhaps other machines: server-1: 10.0.1.11 → 10.0.1.99")


def test_the_report_has_no_cost_if_a_price_is_missing(tmp_path: Path) -> None:
    study = record(tmp_path, hosts())
    rented = {**study.rented, "server-2": Rented(instance_type="c7i.large")}
    study = study.model_copy(update={"runs": study_record(runs=[{"duration_s": 3600}]).runs, "rented": rented})
    assert method._cost(study) == ""
    study = study.model_copy(update={"rented": {}})  # as in a record without prices
    assert method._cost(study) == ""
    assert environment.sentences(study) == "Measured on the hosts of the inventory."


def test_another_price_does_not_start_another_study(tmp_path: Path) -> None:
    dearer = record(tmp_path, hosts(study_usd_per_hour=9))
    assert record(tmp_path, hosts()).configuration == dearer.configuration


class Machines:
    """Hosts with the real `scale-out-end`, each in its own folder, without SSH."""

    def __init__(self, folder: Path, clock: str) -> None:
        self.folder = folder
        self.clock = clock
        self.commands: list[list[str]] = []

    def run(self, host: Host, command: list[str]) -> str:
        self.commands.append(command)
        assert command[:3] == ["sudo", "-n", END]
        done = subprocess.run(
            ["sh", str(self.folder / host.name / "end"), *command[3:]], capture_output=True, text=True, check=False,
            env={"PATH": f"{self.folder}:/usr/bin:/bin"},
        )  # fmt: skip
        return done.stdout


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    """Machines rented at 1,000,000 s for two hours, with a budget for 10,000 s. `date` prints the file `now`."""
    template = (ROOT / "roles" / "ec2_fleet" / "templates" / "user_data.sh.j2").read_text()
    values = {"ec2_fleet_hours": 2, "ec2_fleet_budget_usd": 10, "__ec2_fleet_cost_usd": 7.2}
    shell = Environment(trim_blocks=True, autoescape=False)  # noqa: S701 - a script, which is no HTML
    script = shell.from_string(template).render(values)
    (tmp_path / "now").write_text("1000000")
    tools = {"date": f"cat {tmp_path}/now", "systemctl": f'echo "$@" >> {tmp_path}/systemctl.log'}
    for name, does in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    for host in hosts().hosts:
        own = tmp_path / host.name
        own.mkdir()
        mine = script.replace("/var/lib/scale-out", str(own)).replace(END, str(own / "end"))
        mine = mine.replace("/etc/systemd/system", str(own))
        subprocess.run(["sh", "-c", mine], check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    return Machines(tmp_path, "now")


def at(machines: Machines, seconds: int) -> None:
    (machines.folder / "now").write_text(str(1_000_000 + seconds))


def off(machines: Machines) -> bool:
    """Return whether a run of the balancer's timer powers the machine off."""
    log = machines.folder / "systemctl.log"
    log.write_text("")
    subprocess.run(
        ["sh", str(machines.folder / "balancer" / "end"), "check"], check=True,
        env={"PATH": f"{machines.folder}:/usr/bin:/bin"},
    )  # fmt: skip
    return "poweroff" in log.read_text()


def lease(machines: Machines, messages: list[str], now: list[float]) -> fleet.Lease:
    inventory = hosts(study_end_command=END)
    return fleet.Lease(inventory, cast(Connections, machines), messages.append, lambda: now[0])


def test_a_machine_powers_off_when_its_hours_are_over(machines: Machines) -> None:
    at(machines, 7199)
    assert not off(machines)
    at(machines, 7200)
    assert off(machines)
    (machines.folder / "balancer" / "ends_at").unlink()
    at(machines, 0)
    assert off(machines)  # an unreadable time counts as over


def test_a_running_study_extends_its_machines_within_the_budget(machines: Machines) -> None:
    messages: list[str] = []
    now = [0.0]
    keeper = lease(machines, messages, now)
    at(machines, 7000)
    keeper.extend(trial_s=100, remaining_s=60)
    assert len(machines.commands) == 4
    at(machines, 7200)
    assert not off(machines)
    now[0] = 599  # too early for another request
    keeper.extend(trial_s=100, remaining_s=60)
    assert len(machines.commands) == 4
    assert messages == []  # the budget ends before the lease, but after the study
    now[0] = 700
    keeper.extend(trial_s=100, remaining_s=5000)
    (warning,) = messages
    assert "its budget ends in 47 min, but the study needs 83 min" in warning
    at(machines, 9999)
    assert not off(machines)
    at(machines, 10_000)
    assert off(machines)


def test_a_lease_never_becomes_shorter_and_a_machine_without_response_is_reported(machines: Machines) -> None:
    messages: list[str] = []
    at(machines, 0)
    lease(machines, messages, [0.0]).extend(trial_s=0, remaining_s=60)
    at(machines, 7199)
    assert not off(machines)
    (machines.folder / "server-1" / "end").unlink()
    lease(machines, messages, [0.0]).extend(trial_s=0, remaining_s=60)
    assert [words.split(":")[0] for words in messages] == ["server-1"]


def test_hosts_without_an_end_command_are_not_extended(machines: Machines) -> None:
    fleet.Lease(hosts(), cast(Connections, machines), lambda _: None).extend(trial_s=1, remaining_s=1)
    assert machines.commands == []
