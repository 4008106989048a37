"""What is a secret by its name or its value, and how it is written where it may be read."""

import json
import logging
from typing import Any

import pytest

from commands.run import Plain
from harness import secrecy
from harness.errors import DeployFailed
from harness.secrecy import MASK, Masks, is_secret_name
from harness.study.events import Step

SECRETS = """
    Authorization authorization PROXY-AUTHORIZATION Cookie Set-Cookie X-Api-Key x_api_key apiKey APIKEY key Access-Key
    token HF_TOKEN accessToken refresh-token secret client_secret SecretKey password DB_PASSWORD passwd pgpassword
    passphrase pwd credential AWS_CREDENTIALS session_id jwt X-Auth auth signature X-Amz-Signature sig private_key csrf
"""
HARMLESS = """
    Accept Host Content-Type text monkey keep_alive nginx_lb_upstream_keepalive tokenizer TOKENIZERS_PARALLELISM author
    passenger servers path keyboard X-Study-Trial nginx_lb_tls_key dependency_view_credential
"""
KEY, OTHER = b"k" * 32, b"o" * 32


def masks(*values: str, key: bytes = KEY) -> Masks:
    return Masks(lambda: key, values)


@pytest.mark.parametrize(
    "name",
    SECRETS.split(),
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    HARMLESS.split(),
)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"Authorization": "Bearer canary"}, ""),
        ({"a": [{"Password": "canary"}]}, ""),
        ({"auth": {"user": "canary", "rounds": ["canary"]}}, ""),
        ({"pin_token": 123456}, ""),
        ({"url": "postgres://me:canary@db/x?y=1"}, "postgres://me:"),
        ({"command": ["serve", "--api-key", "canary", "--port", "80"]}, "--port"),
        ({"command": ["serve", "--db-password=canary", "--size=3"]}, "--size=3"),
        ({"env": ["TOKEN=canary", "LEVEL=debug"]}, "LEVEL=debug"),
    ],
)
def test_values_below_a_secret_name_are_masked(value: Any, kept: str) -> None:
    found = masks().tree(value)
    assert "canary" not in str(found)
    assert "123456" not in str(found)
    assert MASK.search(str(found))
    assert kept in str(found)
    assert masks().tree(found) == found, "a stored grid is masked again"


@pytest.mark.parametrize(
    "value",
    [
        {"max_tokens": 100},
        {"n_tokens": "12"},
        {"tokens": [1, 2]},
        {"use_auth": True},
        {"token": None},
        {"key": ""},
        {"n": 1},
    ],
)
def test_counts_and_switches_stay_unmasked(value: Any) -> None:
    assert masks().tree(value) == value


def test_a_path_keeps_its_form() -> None:
    found = masks("found", "a b").path("/p/found?lang=ko&API%5Fkey=canary&x=found&y=a%20b&flag&token=")
    assert MASK.sub("*", found) == "/p/*?lang=ko&API%5Fkey=*&x=*&y=*&flag&token="
    assert masks().path("/p") == "/p"
    assert masks().path(found) == found


def test_masks_of_one_key_show_only_whether_values_are_equal() -> None:
    one, same, other = masks().of("canary"), masks().of("canary"), masks().of("canarx")
    elsewhere = masks(key=OTHER).of("canary")
    assert one == same != other
    assert one.split(":")[1:] != elsewhere.split(":")[1:]
    assert secrecy.foreign({"a": [elsewhere]}, masks().key_id())
    assert not secrecy.foreign({"a": [one]}, masks().key_id())
    assert secrecy.blank({"a": [one, 1]}) == secrecy.blank({"a": [elsewhere, 1]}) == {"a": ["masked", 1]}


def test_a_key_is_not_read_where_nothing_is_secret() -> None:
    def never() -> bytes:
        raise AssertionError("there is no secret")

    assert Masks(never).grid({"request": {"path": "/", "headers": {"Accept": "*/*"}}, "vars": {}}) == {
        "request": {"path": "/", "headers": {"Accept": "*/*"}},
        "vars": {},
    }


def test_a_message_has_no_secret_that_is_known() -> None:
    masks().of("canary-in-a-message")
    assert str(DeployFailed("server-1: env {'KEY': 'canary-in-a-message'}")) == "server-1: env {'KEY': '[masked]'}"
    assert Step("server-1 prints canary-in-a-message").text == "server-1 prints [masked]"
    entry = logging.LogRecord("harness", logging.INFO, "", 0, "%s: no", ("canary-in-a-message",), None)
    assert Plain("%(message)s").format(entry) == "[masked]: no"


def test_the_secrets_inside_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrecy, "_known", set())
    secrecy.remember(["of-a-login", "of-a-header", "abc"])
    assert secrecy.inside(["user:of-a-login", "abc", ""]) == ["of-a-login"]


def test_the_environment_of_a_script_and_urls_of_an_inventory_are_masked() -> None:
    env = {"API_KEY": "canary-key", "CLIENT": "study", "MAX_TOKENS": "12"}
    made = masks().grid({"inventory": "http://me:canary-url@h/x", "traffic": {"locustfile": "a.py", "env": env}})
    assert "canary" not in str(made)
    assert made["inventory"].startswith("http://me:masked:")
    assert made["traffic"]["env"] | {"API_KEY": ""} == {"API_KEY": "", "CLIENT": "study", "MAX_TOKENS": "12"}


def test_a_secret_is_recognised_as_messages_quote_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break, a quote or a letter of another script is escaped in the text of a message."""
    monkeypatch.setattr(secrecy, "_known", set[str]())
    value = "canary\n'\"\\é예"
    secrecy.remember([value])
    for text in (value, repr(value), json.dumps(value), f"got {value.strip()}"):
        assert "canary" not in secrecy.scrub(text), text


def test_the_variable_of_a_reference_is_no_secret_but_any_other_value_below_its_name_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A message about a missing variable names it."""
    monkeypatch.setattr(secrecy, "_known", set[str]())
    headers = {"Authorization": {"env": "STUDY_SECRET"}, "X-Token": {"env": "canary\n"}, "X-Key": "canary-key"}
    secrecy.remember_grid({"request": {"headers": headers, "query": {"token": {"env": "STUDY_TOKEN"}}}})
    assert secrecy.scrub("STUDY_SECRET and STUDY_TOKEN are not set") == "STUDY_SECRET and STUDY_TOKEN are not set"
    assert "canary" not in secrecy.scrub("got canary-key, got 'canary\\n'")
