"""Commands in containers: an engine can lose what they print, and be late with how they ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import docker.errors
import pytest
import yaml

from harness.deploy import container_engine
from harness.deploy.connections import Connections
from harness.deploy.container_engine import execute
from harness.deploy.inventory.hosts import Inventory
from harness.errors import LoadGeneratorFailed
from harness.traffic import registry


class LossyEngine:
    """Prints one of `outputs` for each command, and has an exit code only at the last of `codes`."""

    def __init__(self, outputs: list[bytes], codes: list[int | None]) -> None:
        self.outputs, self.codes = outputs, codes
        self.commands: list[list[str]] = []

    def exec_create(self, _container: str, command: list[str]) -> dict[str, Any]:
        self.commands.append(command)
        return {"Id": "a"}

    def exec_start(self, _id: str, stream: bool) -> Iterator[bytes]:
        assert stream
        output = self.outputs.pop(0)
        yield from (output[:3], output[3:])

    def exec_inspect(self, _id: str) -> dict[str, Any]:
        return {"ExitCode": self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]}


def client(engine: LossyEngine) -> docker.APIClient:
    return cast("docker.APIClient", engine)


def token(engine: LossyEngine) -> str:
    generator = SimpleNamespace(container="locust")
    connections = SimpleNamespace(docker=lambda _host: SimpleNamespace(api=engine))
    return registry._locust_token(
        cast("Inventory", SimpleNamespace(generator=generator)), cast("Connections", connections)
    )


def test_an_exit_code_that_comes_late_is_awaited() -> None:
    lines: list[str] = []
    engine = LossyEngine([b"one\ntwo"], [None, None, 3])
    assert execute(client(engine), "box", ["work"], lambda: lines.append("first")) == (3, "one\ntwo")
    assert lines == ["first"]


def test_an_exit_code_that_never_comes_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_engine, "EXIT_WITHIN_S", 0.0)
    with pytest.raises(docker.errors.DockerException, match="reports no exit code of work in box"):
        execute(client(LossyEngine([b""], [None])), "box", ["work"])


def test_a_token_whose_output_was_lost_is_read_again() -> None:
    engine = LossyEngine([b"", b"", b"secret\n"], [0])
    assert token(engine) == "secret"
    assert len(engine.commands) == 3


def test_an_empty_token_is_rejected_after_retries() -> None:
    tries = registry.TOKEN_TRIES
    with pytest.raises(
        LoadGeneratorFailed, match=f"token of the load generator locust .* returned nothing .* {tries} times"
    ):
        token(LossyEngine([b""] * tries, [0]))


def test_a_missing_token_is_rejected_with_the_reason() -> None:
    with pytest.raises(LoadGeneratorFailed, match=r"cat: no such file"):
        token(LossyEngine([b"cat: no such file"], [1]))


def test_every_command_whose_output_a_role_needs_is_repeated() -> None:
    """community.docker's module reports success with empty output where the engine loses it."""
    for path in Path("roles").glob("*/tasks/*.yml"):
        for task in container_engine_tasks(path):
            if "register" in task:
                assert "until" in task, f"{path}: {task['name']}"


def container_engine_tasks(path: Path) -> Iterator[dict[str, Any]]:
    for task in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
        for each in (task, *task.get("block", [])):
            if "community.docker.docker_container_exec" in each:
                yield each
