"""Each compared image is one build."""

import pytest

from harness.errors import CannotRun
from harness.observe.environment import image_names
from harness.study import image_digests

A, B = ["sha256:aaaa"], ["sha256:bbbb", "team/app@sha256:1"]


def test_two_builds_on_all_servers_give_no_warning() -> None:
    found = {"app:1": {"server-1": A, "server-2": A}, "app:2": {"server-1": B, "server-2": B}}
    assert image_digests.check_builds(found, {}) == []
    assert image_digests.check_builds(found, found) == []
    assert image_digests.check_builds({}, {}) == []


@pytest.mark.parametrize(
    ("servers", "recorded", "told"),
    [
        ({"server-1": A, "server-2": []}, {}, "app:1 is missing on server-2"),
        (
            {"server-1": A, "server-2": B},
            {},
            r"not the same build on every server \(sha256:aaaa on server-1, sha256:bbbb",
        ),
        ({"server-1": A, "server-2": A}, {"app:1": {"server-1": B}}, "another build than at the start of this study"),
    ],
)
def test_an_image_of_several_builds_is_rejected(
    servers: dict[str, list[str]], recorded: dict[str, dict[str, list[str]]], told: str
) -> None:
    with pytest.raises(CannotRun, match=told):
        image_digests.check_builds({"app:1": servers}, recorded)


def test_a_digest_is_looked_up_by_every_name_that_a_container_engine_may_use() -> None:
    assert image_names("app:1") == ["app:1"]
    assert image_names("r.example:5000/a/app:1@sha256:ab") == [
        "r.example:5000/a/app@sha256:ab",
        "r.example:5000/a/app:sha256-ab",
    ]
    assert image_names("r.example:5000/app@sha256:ab")[1] == "r.example:5000/app:sha256-ab"
