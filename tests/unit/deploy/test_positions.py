"""Places of problems in an inventory: order of the messages, and causes that are reported once."""

from pathlib import Path
from typing import Any

from harness.deploy.inventory.checks import Problem
from harness.deploy.inventory.messages import template_fix, undefined_variables
from harness.deploy.inventory.positions import Places


def variable(line: int, words: str, *, out_of_memory: bool = False) -> dict[str, Any]:
    """Return a variable that Ansible cannot resolve."""
    reason = {"words": words, "help": "", "path": "", "line": 0, "out_of_memory": out_of_memory}
    return {"place": ["hosts.yml", line], "why": [reason], "value": None}


def test_messages_are_ordered_by_file_and_line_with_a_colon_in_a_name() -> None:
    hosts = {name: {"place": place, "variables": {}} for name, place in {
        "a": ["x/b:2.yml", 100], "b": ["x/b:2.yml", 9], "c": ["x/a.yml", 7]
    }.items()}  # fmt: skip
    problems = [Problem("wrong", host=name) for name in hosts]
    found = Places(Path("x"), {"hosts": hosts}).all(problems)
    assert found == ["x/a.yml:7: c: wrong", "x/b:2.yml:9: b: wrong", "x/b:2.yml:100: a: wrong"]


def test_a_problem_that_several_hosts_share_is_one_message() -> None:
    hosts = {name: {"place": ["hosts.yml", 3], "variables": {}} for name in ("a", "b")}
    found = Places(Path("x"), {"hosts": hosts}).all(Problem("wrong", host=name) for name in hosts)
    assert found == ["hosts.yml:3: a, b: wrong"]


def test_a_reported_variable_is_not_also_reported_as_undefined() -> None:
    """The name is compared, so a longer name is another variable."""
    variables = {"one": variable(4, "'port' is undefined"), "two": variable(5, "'port_of_two' is undefined")}
    places = Places(Path("x"), {"hosts": {"a": {"place": ["hosts.yml", 3], "variables": variables}}})
    (left,) = places._unresolved(frozenset({"port"}))
    assert str(left).startswith("hosts.yml:5: two: 'port_of_two' is undefined. Fix: define it there")
    assert undefined_variables("a: 'x' is undefined, 'y' is undefined") == {"x", "y"}


def test_a_template_that_is_too_large_has_its_own_fix() -> None:
    assert template_fix("anything", out_of_memory=True) == "write a smaller value"
    assert template_fix("out of memory", out_of_memory=False) != "write a smaller value"
