"""Help of every command: its example is a valid command line, and its defaults are in force."""

import inspect
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from commands.app import app

ROOT = Path(__file__).resolve().parents[3]
PROGRAM: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = {"study.py": PROGRAM, **PROGRAM.commands}


def parsed(words: list[str]) -> tuple[str, dict[str, Any]]:
    """Parse a command line without running it; return its command and the parameters that differ from the defaults."""
    context, name = PROGRAM.make_context("study.py", list(words)), "study.py"
    if words[0] in COMMANDS:
        name = words[0]
        context = COMMANDS[name].make_context(name, words[1:], parent=context)
    defaults = {each.name: each.default for each in COMMANDS[name].params}
    return name, {key: value for key, value in context.params.items() if value != defaults[key]}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_can_be_run(name: str) -> None:
    (example,) = re.findall(r"(?m)^Example: `study\.py (.+)`$", COMMANDS[name].help)
    command, given = parsed(example.split())
    assert command == name
    assert given, "an example shows an option or an argument"
    for path in (given.get("grid"), given.get("inventory_name")):
        assert path is None or (ROOT / path).exists(), path


@pytest.mark.parametrize("name", COMMANDS)
def test_a_default_in_the_help_is_the_one_in_force(name: str) -> None:
    """A default that only the help names would not be noticed when the code changes."""
    function = PROGRAM.callback if name == "study.py" else COMMANDS[name].callback
    in_force = inspect.signature(function).parameters
    for each in COMMANDS[name].params:
        if each.name != "help":
            assert not re.search(r"(?i)\bdefault", each.help or ""), each.name
            assert each.required or each.default == in_force[each.name].default, each.name


def test_options_that_are_wrong_for_a_command_are_not_in_its_help() -> None:
    texts = {name: {each.name: each.help or "" for each in command.params} for name, command in COMMANDS.items()}
    assert "grid" not in texts["down"]["inventory_name"], "it has no grid"
    assert {name for name in COMMANDS if "one object per line" in texts[name].get("as_json", "")} == {
        "study.py",
        "gate",
    }


def test_the_workflow_in_the_documentation_is_valid_and_its_command_can_be_run() -> None:
    """As GitHub reads it: one job, whose step has a command line of this program."""
    page = (ROOT / "docs" / "how-to" / "ci.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"(?ms)^```yaml\n(name: performance\n.+?)^```", page)
    steps = yaml.safe_load(text)["jobs"]["gate"]["steps"]
    (line,) = [step["run"] for step in steps if "study.py gate" in step.get("run", "")]
    command, given = parsed(shlex.split(line)[2:])
    assert command == "gate"
    assert (given["baseline"], given["candidate"]) == ("app:baseline", "app:candidate")
    assert {"markdown", "junit", "grid"} <= given.keys()
