"""Options of `study.py init`, its questions, and Locust scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import init_questions
from harness.draft import locustfile
from harness.draft.choices import Choices
from harness.errors import BadInput
from tests.drafts import ROOT, loaded


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (Choices(), "init: nothing is given. Allowed: at least one of --image"),
        (Choices(har="a", openapi="b"), "--openapi and --har are set. Allowed: one source"),
        (Choices(har="a", operations=("x",)), "--operation: only valid with --openapi"),
        (Choices(openapi="a", host="x"), "--host: only valid with --har"),
        (Choices(openapi="a", as_steps=True), "--steps, --mix: only valid with --har"),
        (Choices(openapi="a", port=1), "--port: only valid with --image"),
        (Choices(image="a", port=70000), "--port: got 70000. Allowed: 1 to 65535"),
        (Choices(image="a b"), "--image: got 'a b'"),
        (Choices(image="a", health="x"), "--health: got 'x'. Allowed: a path that begins with a slash"),
        (Choices(url="ftp://x"), "--url: got 'ftp://x'. Allowed: a URL of HTTP"),
        (Choices(image="a", vusers=(0,)), "--vusers: got 0. Allowed: 1 to 50000"),
        (Choices(image="a", env=("1=2",)), "--env: got '1'. Allowed: NAME=VALUE"),
        (
            Choices(image="a", env=("home",)),
            "--env: got 'home': a value of the environment has a name in capital letters",
        ),
        (Choices(image="a", env=("NOT_SET_HERE",)), "--env: NOT_SET_HERE is not set in the environment. Fix: export"),
    ],
)
def test_options_that_do_not_fit_are_errors(choices: Choices, message: str) -> None:
    with pytest.raises(BadInput) as error:
        choices.check()
    assert str(error.value).startswith(message)


def test_secrets_of_the_environment_are_references_in_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "s3cr3t")
    choices = Choices(image="a", env=("WORKERS=4", "KEY", "db_password=hunter2"), command="run --bind ':80 0'")
    assert choices.variables() == {
        "ml_server_env": {"WORKERS": "4", "KEY": {"env": "KEY"}, "db_password": {"env": "DB_PASSWORD"}},
        "ml_server_command": ["run", "--bind", ":80 0"],
    }
    assert choices.references() == ["KEY", "DB_PASSWORD"]
    assert choices.environment({"KEY": "s3cr3t"}) == {"WORKERS": "4", "KEY": "s3cr3t", "db_password": "hunter2"}


def test_questions_are_only_about_missing_options() -> None:
    answers = {"Image": "app:1", "Port": "8000", "Where": "openapi", "File of": "api.json", "Operations": "a, b"}
    answers |= {"Numbers": "10, 20", "File to write": "x.yaml"}
    seen: list[str] = []

    def question(text: str, default: str) -> str:
        seen.append(text)
        return next((answer for begin, answer in answers.items() if text.startswith(begin)), default)

    found = init_questions.completed(Choices(health="/up"), question)
    assert (found.image, found.port, found.openapi, found.operations) == ("app:1", 8000, "api.json", ("a", "b"))
    assert (found.inventory, found.vusers, found.grid) == ("inventory/lab", (10, 20), "x.yaml")
    assert not any("health" in text for text in seen)
    answers["Port"] = "many"
    with pytest.raises(BadInput, match="--port: got 'many'"):
        init_questions.completed(Choices(), question)


def test_a_locust_script_is_referred_to_with_its_user_classes(tmp_path: Path) -> None:
    folder = tmp_path / "load"
    folder.mkdir()
    text = (ROOT / "examples" / "locust" / "load.py").read_text(encoding="utf-8")
    (folder / "load.py").write_text(text + "\nclass Base(HttpUser):\n    abstract = True\n", encoding="utf-8")
    traffic = locustfile.found_in(str(folder / "load.py"), tmp_path)
    assert (traffic.title, traffic.users) == ("load", ("Reader",))
    grid = loaded(tmp_path, traffic)
    assert grid.has_script
    assert grid.traffic is not None
    assert grid.traffic.locustfile == "load/load.py"


@pytest.mark.parametrize(
    ("text", "message"),
    [("def broken(:\n", "a.py:1: not Python"), ("x = 1\n", "a.py:1: no user class. Allowed: at least one class")],
)
def test_a_script_that_cannot_run_is_an_error_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.py").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as error:
        locustfile.found_in(str(tmp_path / "a.py"), tmp_path)
    assert message in str(error.value)
