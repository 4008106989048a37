"""The next switch is made ready while a load runs, and changes nothing before its time."""

import contextlib
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import psutil
import pytest

from harness.deploy import private
from harness.deploy.ansible import Ansible, Playbook
from harness.deploy.deployment import Deployment
from harness.errors import DeployFailed
from harness.grid.cell import Cell
from harness.grid.reading import load_grid
from harness.study.prefetch import SwitchPrefetch

ROOT = Path(__file__).resolve().parents[2]
GRID = load_grid(ROOT / "grids" / "smoke.yaml", frozenset({"lab_server_capacity"}))[0]
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.raw: touch "{made}"
    - ansible.builtin.raw: "{second}"
"""


def until(holds: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def playbook(folder: Path, second: str = "echo done") -> tuple[str, Path]:
    """A playbook and the file that it makes."""
    file = folder / "play.yml"
    file.write_text(PLAY.format(made=folder / "made", second=second))
    return str(file), folder / "made"


@pytest.fixture
def ansible(tmp_path: Path) -> Ansible:
    return Ansible(ROOT, None, tmp_path / "private")


def test_a_playbook_runs_from_folders_whose_names_a_shell_would_split(tmp_path: Path) -> None:
    folder = tmp_path / "First Last's [clone] (2)"
    folder.mkdir()
    name, made = playbook(folder)
    assert Ansible(ROOT, None, folder / "private").run(name, {"x": 1}).ok
    assert made.exists()


def test_a_value_is_never_run(ansible: Ansible, tmp_path: Path) -> None:
    """Not in a grid's variables, nor in a list or a mapping among them, nor in what a role makes of them."""
    made = tmp_path / "made"
    template = f"{{{{ lookup('pipe', 'touch {made}') }}}}"
    file = tmp_path / "shown.yml"
    file.write_text(
        "- hosts: localhost\n  gather_facts: false\n  vars: {health: '{{ x }}/y'}\n  tasks:\n"
        "    - ansible.builtin.debug: {msg: ['{{ x }}', '{{ deep }}', '{{ health }}', '{{ n + 1 }}']}\n"
    )
    deep = {"a": [template], template: "b"}
    done = ansible.run(str(file), {"x": template, "deep": deep, "n": 1})
    assert done.results[0][2]["msg"] == [template, deep, f"{template}/y", 2]
    assert not made.exists()


def test_what_ansible_is_given_is_private_and_goes_with_its_process(tmp_path: Path) -> None:
    """Neither a running playbook nor a killed one leaves the environment or a variable where others could read it."""
    name, made = playbook(tmp_path, second="sleep 60")
    program = (
        "import sys; from pathlib import Path; from harness.deploy.ansible import Ansible\n"
        f"Ansible(Path({str(ROOT)!r}), None, Path(sys.argv[1])).run(sys.argv[2], {{'x': 'canary-variable'}})"
    )
    folder = tmp_path / "private"
    environ = {**os.environ, "SECRET": "canary-environment", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", program, folder, name], env=environ) as started:
        until(made.exists)
        children = psutil.Process(started.pid).children(recursive=True)
        told = []
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                told += child.cmdline()
        started.kill()
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    assert "canary" not in " ".join(told)
    left = [file for file in folder.rglob("*") if file.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.glob("*"), *folder.glob("*/*/")]} <= {
        0o700,
        0o600,
    }
    assert [file.name for file in left if "canary-environment" in file.read_text(errors="replace")] == []
    assert [file.suffix for file in left if "canary-variable" in file.read_text(errors="replace")] == [".yml"]
    mine = private.folder(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted([private.LOCK, mine.name])


def test_what_ansible_printed_is_in_the_message_where_no_task_failed(ansible: Ansible, tmp_path: Path) -> None:
    file = tmp_path / "broken.yml"
    file.write_text("- hosts: localhost\n  no_such_keyword: 1\n")
    with pytest.raises(DeployFailed, match="no_such_keyword"):
        ansible.run(str(file))


def test_a_held_playbook_changes_nothing_before_it_is_let_go(ansible: Ansible, tmp_path: Path) -> None:
    name, made = playbook(tmp_path)
    held = Playbook(ansible, name, {}, held=True)
    until(lambda: held.is_ready)
    time.sleep(0.3)
    assert not made.exists()
    held.let_go()
    assert held.wait(60).ok
    assert made.exists()
    until(lambda: not held.runs)
    assert not list((tmp_path / "private").glob("*/[!.]*")), "variables or a pipe were left"


def test_a_dropped_playbook_has_changed_nothing(ansible: Ansible, tmp_path: Path) -> None:
    name, made = playbook(tmp_path)
    held = Playbook(ansible, name, {}, held=True)
    until(lambda: held.is_ready)
    held.drop()
    assert not held.runs
    assert not held.may_have_changed
    assert not made.exists()


def test_a_held_playbook_that_fails_says_why(ansible: Ansible, tmp_path: Path) -> None:
    name, _ = playbook(tmp_path, second="echo broken >&2; exit 3")
    held = Playbook(ansible, name, {}, held=True)
    held.let_go()  # before it has come so far
    with pytest.raises(DeployFailed, match="broken"):
        held.wait(60)


def test_a_held_playbook_ends_with_its_study(tmp_path: Path) -> None:
    """One that is killed lets nothing go; what it had made ready must not go on, nor stay."""
    name, made = playbook(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    environ = {
        **os.environ,
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "plugins" / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "hold",
        "SCALE_OUT_HOLD": str(pipe),
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", name]
    done = subprocess.run(command, env=environ, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert not made.exists()


class Pretended:
    """A playbook that is ready after a while."""

    def __init__(self, ready_after_s: float = 0.0) -> None:
        self._ready_at = time.monotonic() + ready_after_s
        self.runs = True

    @property
    def is_ready(self) -> bool:
        return time.monotonic() >= self._ready_at


class Noted:
    """Notes what a deployment is told, and when."""

    def __init__(self, ready_after_s: float) -> None:
        self.calls: list[tuple[str, float]] = []
        self._ready_after_s = ready_after_s

    def prepare(self, _cell: Cell) -> Pretended:
        self.calls.append(("prepare", time.time()))
        return Pretended(self._ready_after_s)

    def begin(self, _cell: Cell) -> None:
        self.calls.append(("begin", time.time()))

    def drop(self) -> None:
        self.calls.append(("drop", time.time()))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


CELL = Cell((("servers", 2), ("vusers", 10)))


@dataclass
class Load:
    """A load that is over sooner than any grid allows."""

    window_from_s: float = 0.8
    duration: float = 1.2


@pytest.fixture
def load() -> Load:
    return Load()


def ahead_of(load: Load, ready_after_s: float) -> tuple[SwitchPrefetch, Noted]:
    noted = Noted(ready_after_s)
    return SwitchPrefetch(noted, load), noted  # type: ignore[arg-type] # small substitutes


def test_nothing_is_made_ready_while_the_window_lasts(load: Load) -> None:
    """The first one comes after the window, as nobody knows yet how long it takes; the second one before."""
    ahead, noted = ahead_of(load, ready_after_s=0.05)
    for earliest_s, latest_s in ((load.duration, 60.0), (0.0, load.window_from_s)):
        noted.calls.clear()
        started_at = time.time()
        ahead.on_load_started(CELL, started_at)
        until(lambda: noted.names == ["prepare"])
        assert earliest_s <= noted.calls[0][1] - started_at <= latest_s
        time.sleep(0.2)
        ahead.on_collected(all_running=True)
        assert noted.names == ["prepare", "begin"]


def test_what_is_not_ready_when_the_window_begins_is_dropped(load: Load) -> None:
    ahead, noted = ahead_of(load, ready_after_s=30.0)
    ahead._duration_s = 0.05
    ahead.on_load_started(CELL, time.time())
    until(lambda: noted.names == ["prepare", "drop"])
    ahead.stop()


def test_a_repair_comes_before_the_next_switch(load: Load) -> None:
    ahead, noted = ahead_of(load, ready_after_s=0.0)
    ahead.on_load_started(CELL, time.time())
    ahead.on_collected(all_running=False)
    time.sleep(load.duration + 0.2)
    assert noted.names == []


class Started:
    """A playbook that was started, and what became of it."""

    all: ClassVar[list["Started"]] = []

    def __init__(
        self,
        _ansible: Ansible,
        name: str,
        variables: dict[str, Any],
        tags: list[str] | None = None,
        held: bool = False,
        **_more: Any,
    ) -> None:
        self.name, self.variables, self.tags = name, variables, tags
        self.may_have_changed, self.fate = not held, ""
        Started.all.append(self)

    def let_go(self) -> None:
        self.may_have_changed = True

    def drop(self) -> None:
        self.fate = "dropped"

    def wait(self, _timeout_s: float) -> None:
        self.fate = "waited for"


@pytest.fixture
def deployment(ansible: Ansible) -> Deployment:
    Started.all = []
    return Deployment(ansible, GRID, cast("Callable[..., Playbook]", Started))


def cell(servers: int) -> Cell:
    return Cell((("servers", servers), ("vusers", 10)))


def test_a_switch_takes_what_was_made_ready_for_its_cell(deployment: Deployment) -> None:
    deployment.prepare(cell(2))
    deployment.begin(cell(2))
    deployment.switch(cell(2))
    assert [(one.tags, one.fate) for one in Started.all] == [(["nginx_lb_configure"], "waited for")]
    deployment.switch(cell(2))
    assert len(Started.all) == 1, "nothing differs any more"


def test_what_was_made_ready_for_another_cell_is_dropped(deployment: Deployment) -> None:
    deployment.prepare(cell(2))
    deployment.switch(cell(3))
    assert [one.fate for one in Started.all] == ["dropped", "waited for"]
    assert Started.all[1].variables["study_servers"] == 3


def test_after_a_switch_that_was_broken_off_everything_is_applied_again(deployment: Deployment) -> None:
    deployment.switch(cell(2))
    deployment.begin(cell(3))
    deployment.drop()
    deployment.switch(cell(2))
    assert [one.fate for one in Started.all] == ["waited for", "dropped", "waited for"]


BUILDS = GRID.model_copy(update={"factors": {**GRID.factors, "ml_server_image": ("app:1", "app:2@sha256:ab")}})


def of_image(servers: int, image: str) -> Cell:
    return Cell((("servers", servers), ("vusers", 10), ("ml_server_image", image)))


def test_a_switch_to_another_image_makes_the_servers_anew_and_all_images_are_there_before(ansible: Ansible) -> None:
    Started.all = []
    deployment = Deployment(ansible, BUILDS, cast("Callable[..., Playbook]", Started))
    deployment.deploy(lambda _task: None)
    (site,) = Started.all
    assert site.variables["study_service_images"] == ["app:1", "app:2@sha256:ab"]
    assert site.variables["ml_server_image"] == "app:1"
    deployment.switch(of_image(2, "app:1"))
    assert Started.all[-1].tags == ["nginx_lb_configure"], "that image runs already"
    deployment.prepare(of_image(2, "app:2@sha256:ab"))
    made_ready = Started.all[-1]
    assert made_ready.tags == ["ml_server", "nginx_lb_verify"]
    assert made_ready.name == "playbooks/switch-topology.yml"
    assert made_ready.variables["ml_server_image"] == "app:2@sha256:ab"
    assert not made_ready.may_have_changed, "the servers run on until nothing more is read of them"
    deployment.begin(of_image(2, "app:2@sha256:ab"))
    deployment.switch(of_image(2, "app:2@sha256:ab"))
    assert Started.all[-1] is made_ready
    deployment.repair()
    assert Started.all[-1].variables["ml_server_image"] == "app:2@sha256:ab", "what died is started as it was"


def test_one_image_is_brought_as_ever(deployment: Deployment) -> None:
    deployment.deploy(lambda _task: None)
    assert "study_service_images" not in Started.all[0].variables
    assert "ml_server_image" not in Started.all[0].variables


def test_a_repair_has_the_balancer_forget_whom_it_found_dead(deployment: Deployment) -> None:
    deployment.switch(cell(2))
    deployment.repair()
    assert Started.all[-1].variables == {**Started.all[0].variables, "nginx_lb_reload": True}
    deployment.switch(cell(2))
    assert len(Started.all) == 2, "nothing differs any more"
    deployment.switch(cell(3))
    assert "nginx_lb_reload" not in Started.all[-1].variables
