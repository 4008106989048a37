"""Images that are compared stand for one build each."""

import pytest

from harness.errors import CannotRun
from harness.observe.environment import image_names
from harness.study import image_digests

A, B = ["sha256:aaaa"], ["sha256:bbbb", "team/app@sha256:1"]


def test_two_builds_on_all_servers_need_no_words() -> None:
    found = {"app:1": {"server-1": A, "server-2": A}, "app:2": {"server-1": B, "server-2": B}}
    assert image_digests.check(found, {}) == []
    assert image_digests.check(found, found) == []
    assert image_digests.check({}, {}) == []


@pytest.mark.parametrize(
    ("servers", "recorded", "told"),
    [
        ({"server-1": A, "server-2": []}, {}, "app:1 is not on server-2"),
        (
            {"server-1": A, "server-2": B},
            {},
            "not the same build on every server: sha256:aaaa on server-1, sha256:bbbb",
        ),
        ({"server-1": A, "server-2": A}, {"app:1": {"server-1": B}}, "another build than when this study began"),
    ],
)
def test_a_name_of_several_builds_is_refused(
    servers: dict[str, list[str]], recorded: dict[str, dict[str, list[str]]], told: str
) -> None:
    with pytest.raises(CannotRun, match=told):
        image_digests.check({"app:1": servers}, recorded)


def test_a_digest_is_looked_for_by_the_names_that_an_engine_may_have_for_it() -> None:
    assert image_names("app:1") == ["app:1"]
    assert image_names("r.example:5000/a/app:1@sha256:ab") == [
        "r.example:5000/a/app@sha256:ab",
        "r.example:5000/a/app:sha256-ab",
    ]
    assert image_names("r.example:5000/app@sha256:ab")[1] == "r.example:5000/app:sha256-ab"
