"""The study prepares the next switch during a load, and holds it until it may run."""

import contextlib
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import psutil
import pytest

from harness.deploy import private
from harness.deploy.ansible import Ansible, Playbook
from harness.deploy.deployment import Deployment, Placement
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
    """Write a playbook; return its path and the file that it creates."""
    file = folder / "play.yml"
    file.write_text(PLAY.format(made=folder / "made", second=second))
    return str(file), folder / "made"


@pytest.fixture
def ansible(tmp_path: Path) -> Ansible:
    return Ansible(ROOT, None, tmp_path / "private")


def test_a_playbook_runs_from_folders_with_blanks_and_quotes(tmp_path: Path) -> None:
    folder = tmp_path / "First Last's [clone] (2)"
    folder.mkdir()
    name, made = playbook(folder)
    assert Ansible(ROOT, None, folder / "private").run(name, {"x": 1}).ok
    assert made.exists()


def test_a_value_is_never_executed(ansible: Ansible, tmp_path: Path) -> None:
    """Not in a grid's variables, in lists or mappings among them, or in values that roles derive from them."""
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


def test_a_text_that_looks_like_another_type_remains_a_text(ansible: Ansible, tmp_path: Path) -> None:
    """As a value, in a list, as a key, and where another variable refers to it."""
    texts = [
        "",
        "no",
        "on",
        "~",
        "null",
        "0123",
        "0x1f",
        "1_000",
        "1e3",
        "1.10",
        "1:30",
        ".nan",
        "2026-01-01",
        "<<",
        "=",
    ]
    file = tmp_path / "shown.yml"
    file.write_text(
        "- hosts: localhost\n  gather_facts: false\n  vars: {other: '{{ empty }}'}\n  tasks:\n"
        "    - ansible.builtin.debug: {msg: ['{{ texts }}', '{{ keys }}', '{{ other }}', '{{ empty | type_debug }}']}\n"
    )
    variables = {"texts": texts, "keys": dict.fromkeys(texts, "x"), "empty": ""}
    done = ansible.run(str(file), variables)
    assert done.results[0][2]["msg"] == [texts, dict.fromkeys(texts, "x"), "", "str"]


def test_ansibles_input_is_private_and_is_removed_with_its_process(tmp_path: Path) -> None:
    """Neither a running nor a killed playbook exposes its environment or variables to other users."""
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
        command_lines = []
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                command_lines += child.cmdline()
        started.kill()
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    assert "canary" not in " ".join(command_lines)
    left = [file for file in folder.rglob("*") if file.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.glob("*"), *folder.glob("*/*/")]} <= {
        0o700,
        0o600,
    }
    assert [file.name for file in left if "canary-environment" in file.read_text(errors="replace")] == []
    assert [file.suffix for file in left if "canary-variable" in file.read_text(errors="replace")] == [".yml"]
    mine = private.folder(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted([private.LOCK, mine.name])


def test_an_error_outside_tasks_contains_ansibles_output(ansible: Ansible, tmp_path: Path) -> None:
    file = tmp_path / "broken.yml"
    file.write_text("- hosts: localhost\n  no_such_keyword: 1\n")
    with pytest.raises(DeployFailed, match="no_such_keyword"):
        ansible.run(str(file))


def test_a_held_playbook_changes_nothing_before_its_release(ansible: Ansible, tmp_path: Path) -> None:
    name, made = playbook(tmp_path)
    held = Playbook(ansible, name, {}, held=True)
    until(lambda: held.is_ready)
    time.sleep(0.3)
    assert not made.exists()
    held.release()
    assert held.wait(60).ok
    assert made.exists()
    until(lambda: not held.is_running)
    assert not list((tmp_path / "private").glob("*/[!.]*")), "no variables and no pipe may remain"


def test_a_dropped_playbook_has_changed_nothing(ansible: Ansible, tmp_path: Path) -> None:
    name, made = playbook(tmp_path)
    held = Playbook(ansible, name, {}, held=True)
    until(lambda: held.is_ready)
    held.drop()
    assert not held.is_running
    assert not held.may_have_changed
    assert not made.exists()


def test_a_failed_held_playbook_reports_its_reason(ansible: Ansible, tmp_path: Path) -> None:
    name, _ = playbook(tmp_path, second="echo broken >&2; exit 3")
    held = Playbook(ansible, name, {}, held=True)
    held.release()  # before it has come so far
    with pytest.raises(DeployFailed, match="broken"):
        held.wait(60)


def test_a_held_playbook_ends_with_its_study(tmp_path: Path) -> None:
    """A killed study releases nothing; its prepared playbook must neither continue nor remain."""
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
    done = subprocess.run(command, env=environ, capture_output=True, timeout=400, check=False)
    assert done.returncode == 1
    assert not made.exists()


class Pretended:
    """A fake playbook that is ready after a delay."""

    def __init__(self, ready_after_s: float = 0.0) -> None:
        self._ready_at = time.monotonic() + ready_after_s
        self.is_running = True

    @property
    def is_ready(self) -> bool:
        return time.monotonic() >= self._ready_at


class Noted:
    """A fake deployment that records its calls with their times."""

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


TWO = Placement(Cell((("servers", 2), ("vusers", 10))), ("server-1", "server-2"))


@dataclass
class Load:
    """A load that is shorter than any grid allows."""

    window_from_s: float = 0.8
    duration: float = 1.2


@pytest.fixture
def load() -> Load:
    return Load()


def ahead_of(load: Load, ready_after_s: float) -> tuple[SwitchPrefetch, Noted]:
    noted = Noted(ready_after_s)
    grid = SimpleNamespace(load=load, window_from_s=load.window_from_s)
    return SwitchPrefetch(noted, grid), noted  # type: ignore[arg-type] # small substitutes


def test_nothing_is_prepared_during_the_window(load: Load) -> None:
    """The first preparation follows the window, because its duration is unknown; the second one precedes it."""
    ahead, noted = ahead_of(load, ready_after_s=0.05)
    for earliest_s, latest_s in ((load.duration, 60.0), (0.0, load.window_from_s)):
        noted.calls.clear()
        started_at = time.time()
        ahead.on_load_started(TWO, started_at)
        until(lambda: noted.names == ["prepare"])
        assert earliest_s <= noted.calls[0][1] - started_at <= latest_s
        time.sleep(0.2)
        ahead.on_collected(all_running=True)
        assert noted.names == ["prepare", "begin"]


def test_a_switch_that_is_not_ready_at_the_window_is_dropped(load: Load) -> None:
    ahead, noted = ahead_of(load, ready_after_s=30.0)
    ahead._duration_s = 0.05
    ahead.on_load_started(TWO, time.time())
    until(lambda: noted.names == ["prepare", "drop"])
    ahead.stop()


def test_a_repair_comes_before_the_next_switch(load: Load) -> None:
    ahead, noted = ahead_of(load, ready_after_s=0.0)
    ahead.on_load_started(TWO, time.time())
    ahead.on_collected(all_running=False)
    time.sleep(load.duration + 0.2)
    assert noted.names == []


class Started:
    """A fake started playbook that records its calls."""

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

    def release(self) -> None:
        self.may_have_changed = True

    def drop(self) -> None:
        self.fate = "dropped"

    def wait(self, _timeout_s: float) -> None:
        self.fate = "waited for"


@pytest.fixture
def deployment(ansible: Ansible) -> Deployment:
    Started.all = []
    return Deployment(ansible, GRID, cast("Callable[..., Playbook]", Started))


def on_servers(*names: str) -> Placement:
    return Placement(Cell((("servers", len(names)), ("vusers", 10))), names)


ALL = on_servers("server-1", "server-2", "server-3")


def test_a_switch_uses_the_playbook_prepared_for_its_cell(deployment: Deployment) -> None:
    deployment.prepare(TWO)
    deployment.begin(TWO)
    deployment.switch(TWO)
    assert [(one.tags, one.fate) for one in Started.all] == [(["nginx_lb", "nginx_lb_configure"], "waited for")]
    deployment.switch(TWO)
    assert len(Started.all) == 1, "a switch without differences must run nothing"


def test_a_playbook_prepared_for_another_cell_is_dropped(deployment: Deployment) -> None:
    deployment.prepare(TWO)
    deployment.switch(ALL)
    assert [one.fate for one in Started.all] == ["dropped", "waited for"]
    assert Started.all[1].variables["study_servers"] == ["server-1", "server-2", "server-3"]


def test_after_an_interrupted_switch_everything_is_applied_again(deployment: Deployment) -> None:
    deployment.switch(TWO)
    deployment.begin(ALL)
    deployment.drop()
    deployment.switch(TWO)
    assert [one.fate for one in Started.all] == ["waited for", "dropped", "waited for"]


def test_other_servers_are_a_switch_and_another_order_is_none(deployment: Deployment) -> None:
    deployment.switch(TWO)
    deployment.switch(on_servers("server-2", "server-1"))
    assert len(Started.all) == 1, "the order of the servers changes nothing"
    deployment.switch(on_servers("server-2", "server-3"))
    assert Started.all[-1].variables["study_servers"] == ["server-2", "server-3"]
    assert Started.all[-1].tags == ["nginx_lb_configure"]


BUILDS = GRID.model_copy(update={"factors": {**GRID.factors, "ml_server_image": ("app:1", "app:2@sha256:ab")}})


def of_image(image: str) -> Placement:
    return Placement(Cell((("servers", 2), ("vusers", 10), ("ml_server_image", image))), TWO.servers)


def test_a_switch_to_another_image_recreates_the_servers_with_a_distributed_image(ansible: Ansible) -> None:
    Started.all = []
    deployment = Deployment(ansible, BUILDS, cast("Callable[..., Playbook]", Started))
    deployment.deploy(lambda _task: None)
    (site,) = Started.all
    assert site.variables["study_service_images"] == ["app:1", "app:2@sha256:ab"]
    assert site.variables["ml_server_image"] == "app:1"
    deployment.switch(of_image("app:1"))
    assert Started.all[-1].tags == ["nginx_lb_configure"], "the first image runs already"
    deployment.prepare(of_image("app:2@sha256:ab"))
    made_ready = Started.all[-1]
    assert made_ready.tags == ["ml_server", "nginx_lb_verify"]
    assert made_ready.name == "playbooks/switch-topology.yml"
    assert made_ready.variables["ml_server_image"] == "app:2@sha256:ab"
    assert not made_ready.may_have_changed, "the servers must run until all their data are read"
    deployment.begin(of_image("app:2@sha256:ab"))
    deployment.switch(of_image("app:2@sha256:ab"))
    assert Started.all[-1] is made_ready
    deployment.repair()
    assert Started.all[-1].variables["ml_server_image"] == "app:2@sha256:ab", "a repair must keep the current image"


def test_a_single_image_needs_no_list_of_images(deployment: Deployment) -> None:
    deployment.deploy(lambda _task: None)
    assert "study_service_images" not in Started.all[0].variables
    assert "ml_server_image" not in Started.all[0].variables


def test_a_repair_reloads_the_balancer(deployment: Deployment) -> None:
    deployment.switch(TWO)
    deployment.repair()
    assert Started.all[-1].variables == {**Started.all[0].variables, "nginx_lb_reload": True}
    deployment.switch(TWO)
    assert len(Started.all) == 2, "a switch without differences must run nothing"
    deployment.switch(ALL)
    assert "nginx_lb_reload" not in Started.all[-1].variables
