"""The traffic of a load in nGrinder's script: the bytes that its parts make, and the files next to it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from harness.grid import ngrinder_script
from harness.grid.dataset import Dataset
from harness.grid.traffic import Traffic
from harness.traffic.load_generator import LoadSpec
from harness.traffic.ngrinder import script, translation
from harness.traffic.ngrinder.first_user import FirstUser
from harness.traffic.ngrinder.script import Split
from harness.traffic.sent_traffic import SentTraffic
from tests.builders import load
from tests.locust_image import compiled, load_spec, templates

ROW = {"user": "ann ö/&", "n": 1, "image": [1.0, None], "q": 'a"\\\n€😀', "f": "a.bin"}
FILES = {"a.bin": bytes(range(256))}
DATA = Dataset(rows=(ROW,), files=FILES)


def sent(dataset: Dataset | None = DATA, secrets: Mapping[str, str] | None = None, **keys: Any) -> LoadSpec:
    """Return a load with this `traffic` of a grid."""
    traffic = Traffic.model_validate(keys)
    return load(
        traffic=SentTraffic(
            requests=traffic.all,
            has_steps=traffic.steps is not None,
            login=traffic.login,
            dataset=dataset,
            groovy=traffic.script or "",
            groovy_files=traffic.files,
            secrets=secrets or {},
        )
    )


def only(**request: Any) -> dict[str, Any]:
    """Return the translation of one request."""
    found = script.settings(sent(requests=[{"name": "a", "request": request}], secrets={"S": "p&${x}"}))
    translated: dict[str, Any] = found["traffic"]["requests"][0]
    return translated


def joined(parts: Sequence[Any]) -> bytes:
    """Join parts as user 1 of the trial `t`, after a login that gave `token` and `id`."""
    user = FirstUser(sent(requests=[{"name": "a", "request": {"path": "/"}}]), translation.rows([ROW]))
    user.known |= {"token": "a/b", "id": ["7"]}
    return user.joined(parts)


def test_a_value_keeps_its_type_if_it_is_the_whole_text() -> None:
    body = {
        "image": "${row.image}",
        "n": "${row.n}",
        "m": "x${row.n}y${row.q}",
        "id": "${id}",
        "u": "${user}",
        "é": 1.5,
    }
    wanted = {"image": ROW["image"], "n": 1, "m": f"x1y{ROW['q']}", "id": 7, "u": "1", "é": 1.5}
    found = only(method="POST", path="/", json=body)
    assert joined(found["body"]) == json.dumps(wanted, separators=(",", ":")).encode()
    assert found["headers"] == [["Content-Type", ["application/json"]]]


def test_paths_params_and_headers() -> None:
    found = only(
        path="/h ü%20/${row.user}?a=1",
        params={"q": "${row.q}", "two": [1, "a b"], "s": "${secret.S}"},
        headers={"Authorization": "Bearer ${token}", "X": "$${user}${trial}"},
    )
    assert joined(found["target"]).decode() == (
        f"/h%20%C3%BC%20/{quote(str(ROW['user']), safe='')}?a=1&q={quote(str(ROW['q']), safe='')}&two=1&two=a%20b"
        "&s=p%26%24%7Bx%7D"
    )
    assert {name: joined(parts) for name, parts in found["headers"]} == {
        "Authorization": b"Bearer a/b",
        "X": b"${user}t",
    }
    assert found["body"] is None


def test_forms_texts_and_files() -> None:
    form = only(method="PUT", path="/", form={"a b": "${row.q}", "c": "x y~*"})
    assert joined(form["body"]).decode() == f"a+b={quote_plus(str(ROW['q']))}&c=x+y~%2A"
    assert form["headers"] == [["Content-Type", ["application/x-www-form-urlencoded"]]]
    text = only(method="POST", path="/", text="ü ${row.user}", headers={"content-type": "a/b"})
    assert joined(text["body"]).decode() == f"ü {ROW['user']}"
    assert text["headers"] == [["content-type", ["a/b"]]]
    file = only(method="PATCH", path="/", file={"path": "${row.f}", "type": "x/y"})
    assert joined(file["body"]) == FILES["a.bin"]
    assert file["headers"] == [["Content-Type", ["x/y"]]]


def test_several_parts_have_one_boundary_in_all_trials() -> None:
    parts = [{"name": 'a"b', "value": "v${row.n}"}, {"name": "f", "file": "a.bin", "filename": "${row.user}.png"}]
    found = only(method="POST", path="/", multipart=parts, headers={"Content-Type": "multipart/form-data"})
    ((name, (kind,)),) = found["headers"]
    boundary = kind.partition("boundary=")[2]
    assert (name, len(boundary)) == ("Content-Type", 37)
    assert (
        joined(found["body"])
        == (
            f'--{boundary}\r\nContent-Disposition: form-data; name="a%22b"\r\n\r\nv1\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="f"; filename="{ROW["user"]}.png"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        + FILES["a.bin"]
        + f"\r\n--{boundary}--\r\n".encode()
    )
    assert found == only(method="POST", path="/", multipart=parts)


def test_values_are_found_by_keys_header_and_expression() -> None:
    extract = {"a": {"json": "$.x[0]['y z']"}, "b": {"header": "X-B"}, "c": {"regex": "c=(.)"}}
    login = {"request": {"method": "POST", "path": "/login"}, "extract": extract}
    found = script.settings(sent(login=login, requests=[{"name": "r", "request": {"path": "/"}}]))["traffic"]
    assert dict(found["login"]["extract"]) == {
        "a": {"keys": ["x", 0, "y z"]},
        "b": {"header": "X-B"},
        "c": {"regex": "c=(.)"},
    }
    assert found["login"]["name"] == "login"


def test_rows_and_files_lie_next_to_the_script() -> None:
    spec = sent(requests=[{"name": "r", "request": {"method": "POST", "path": "/", "file": "a.bin"}}])
    settings, stored = script.settings(spec), script.resources(spec)
    assert stored[settings["files"]["a.bin"]] == FILES["a.bin"]
    (row,) = json.loads(stored[settings["rows"]])
    assert row == {**ROW, "n": ["1"], "image": ["[1.0,null]"]}
    assert all(ngrinder_script.folder(path) == path.partition("/")[0] == "resources" for path in stored)


def test_a_script_of_the_user_is_embedded_and_its_files_go_to_two_folders() -> None:
    files = {"s/mine.groovy": b"class Mine {}", "d/rows.csv": b"a", "d/lib.jar": b"PK"}
    keys: dict[str, Any] = {"script": "s/mine.groovy", "files": ["d/rows.csv", "d/lib.jar"]}
    spec = sent(Dataset(files=files), **keys)
    assert script.resources(spec) == {"resources/rows.csv": b"a", "lib/lib.jar": b"PK"}
    assert script.settings(spec)["script"] == "class Mine {}"
    assert "class Client extends" in script.render(spec)
    changed = sent(Dataset(files={**files, "d/rows.csv": b"b"}), **keys)
    assert script.render(spec) != script.render(changed), "a changed file needs another validation"


@pytest.mark.parametrize("seed", ["", "study 7/block 2"])
def test_the_parameter_has_no_space_and_is_short(seed: str) -> None:
    found = script.parameter(load(seed=seed, trial="b02/servers=2_vusers=100"), Split(2, 3, 100), t0=1_795_425_840)
    assert " " not in found
    assert len(found) < 200
    assert "users=600,processes=3," in found


BODIES: tuple[dict[str, Any], ...] = (
    {
        "json": {
            "a": "${row.image}",
            "b": "${id} ${row.n}",
            "c": ["${token}", None, True, 1e-7, "ü${row.q}"],
            "$": "$${x}",
        }
    },
    {"form": {"a": "${row.user}", "b": ["x y", "*~"]}},
    {"text": "ü ${row.image} ${user} ${trial}"},
    {"file": "${row.f}"},
)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: next(iter(body)))
def test_both_load_generators_send_the_same_bytes(body: dict[str, Any]) -> None:
    request = {
        "method": "POST",
        "path": "/p/${row.user}/x?a=1",
        "params": {"q": ["${row.q}", "${token}"], "é": "ü"},
        "headers": {"X-A": "${token} ${user}"},
        **body,
    }
    spec = sent(requests=[{"name": "a", "request": request}])
    wire = spec.wire()
    known_fields = load_spec.RequestSpec.__dataclass_fields__
    for each in wire["traffic"]["requests"]:
        each.pop("slow_after_s" if "slow_after_s" not in known_fields else "", None)
    image = compiled.Traffic(load_spec.LoadSpec.read(wire), load_spec.Dataset("d", [ROW], FILES))
    known = {"token": "a/b", "id": 7}
    locust = image.requests[0].prepare(0, templates.Context(ROW, 1, known))
    ngrinder = script.settings(spec)["traffic"]["requests"][0]
    assert spec.url + joined(ngrinder["target"]).decode() == locust.url
    assert joined(ngrinder["body"]) == locust.body
    headers = {name: joined(parts).decode() for name, parts in ngrinder["headers"]}
    assert {**headers, "X-Study-Trial": "t"} == locust.headers
