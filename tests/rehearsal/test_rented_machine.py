"""The user data of a rented machine with systemd: a timer powers it off, and a study extends its time."""

import contextlib
import time
from collections.abc import Iterator

import docker.errors
import pytest
from docker.models.containers import Container
from jinja2 import Environment

from tests.integration.conftest import ROOT
from tests.rehearsal.conftest import HERE, Fleet, play

pytestmark = [pytest.mark.concurrent, pytest.mark.long]

TEMPLATE = ROOT / "roles" / "ec2_fleet" / "templates" / "user_data.sh.j2"
HOURS, BUDGET_HOURS = 2, 3


@pytest.fixture
def rented(fleet: Fleet) -> Iterator[Container]:
    """A bare machine on which the user data ran once as root, as cloud-init runs it."""
    play("playbooks/rehearsal-up.yml", "--limit", "localhost,rented", inventory=HERE / "rented")
    name = f"{fleet.prefix}-rented"
    values = {"ec2_fleet_hours": HOURS, "ec2_fleet_budget_usd": BUDGET_HOURS, "__ec2_fleet_cost_usd": HOURS}
    shell = Environment(trim_blocks=True, autoescape=False)  # noqa: S701 - a shell script, not HTML
    try:
        machine = fleet.engine.containers.get(name)
        done = machine.exec_run(["sh", "-c", shell.from_string(TEMPLATE.read_text()).render(values)])
        assert done.exit_code == 0, done.output
        yield machine
    finally:
        with contextlib.suppress(docker.errors.NotFound):
            fleet.engine.containers.get(name).remove(force=True, v=True)


def test_a_rented_machine_powers_off_when_its_time_is_over(rented: Container) -> None:
    def on(command: str) -> str:
        code, output = rented.exec_run(["sh", "-c", command])
        assert isinstance(output, bytes)
        assert code == 0, output.decode()
        return output.decode().strip()

    assert on("systemctl is-active scale-out-end.timer") == "active"
    assert on("systemctl is-enabled scale-out-end.timer") == "enabled"
    next_look = on('date -d "$(systemctl show --value --property=NextElapseUSecRealtime scale-out-end.timer)" +%s')
    assert 0 < int(next_look) - time.time() <= 301

    on("systemctl start scale-out-end.service")  # the timer's service; the time is not over
    rented.reload()
    assert rented.status == "running"
    assert HOURS * 3600 - 60 <= int(on("sudo -u admin sudo -n /usr/local/sbin/scale-out-end extend 60")) <= HOURS * 3600
    within = int(on("/usr/local/sbin/scale-out-end extend 9000"))
    assert within == 9000
    most = int(on(f"/usr/local/sbin/scale-out-end extend {10 * 3600}"))
    assert BUDGET_HOURS * 3600 - 60 <= most <= BUDGET_HOURS * 3600, "the budget limits every extension"

    on("echo 1 > /var/lib/scale-out/ends_at")
    rented.exec_run(["systemctl", "start", "--no-block", "scale-out-end.service"])

    rented.wait(timeout=800)
    rented.reload()
    assert rented.status == "exited"
