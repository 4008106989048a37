"""nginx's treatment of a request is predicted, and its own responses are distinguished from those of a server."""

from __future__ import annotations

from typing import Any

import pytest

from harness.balancers import nginx
from harness.deploy import request_limits, server_env
from harness.grid.dataset import Dataset
from tests.builders import grid


def problems(host: dict[str, Any] | None = None, **more: Any) -> list[str]:
    return [text for _, text in request_limits.problems(grid(**more), host or {})]


def test_a_large_request_passes_with_tuned_settings_and_is_rejected_with_stock_ones() -> None:
    """The cell's variable takes precedence over the grid's vars, and these over the inventory."""
    request = {"path": "/", "json": "x" * (2 << 20), "headers": {"X_A": "1", "X.B": "1", "Cookie": "c" * 20_000}}
    stock = {"nginx_lb_settings": "stock", **nginx.DEFAULTS["stock"]}
    tuned = {"nginx_lb_settings": "tuned", **nginx.DEFAULTS["tuned"]}
    assert problems(request=request) == problems(tuned, request=request) == []
    rejected = problems(stock, request=request)
    assert [text.partition(":")[0] for text in rejected] == [
        "request.json",
        "request.headers.Cookie",
        "request.headers.X_A",
        "request.headers.X.B",
    ]
    assert problems(tuned, request=request, vars={"nginx_lb_settings": "stock"}) == rejected
    assert problems(stock, request=request, vars={"nginx_lb_settings": "tuned"}) == []
    factors = {"servers": [1], "vusers": [1], "nginx_lb_settings": ["tuned", "stock"]}
    assert problems(tuned, request=request, factors=factors) == rejected
    own = {**stock, "nginx_lb_client_max_body_size": "0"}
    assert len(problems(own, request=request)) == 3
    assert len(problems(own, request=request, vars={"nginx_lb_settings": "stock"})) == 3


def test_the_size_of_all_headers_is_limited_and_includes_the_path() -> None:
    stock = {"nginx_lb_settings": "stock"}
    many = {f"X-{i}": "v" * 3000 for i in range(12)}
    assert "nginx would respond with 400" in problems(request={"path": "/", "headers": many}, vars=stock)[0]
    assert "nginx would respond with 414" in problems(request={"path": "/" + "p" * 9000}, vars=stock)[0]
    assert problems(request={"path": "/" + "p" * 7000}, vars=stock) == []


def test_each_request_of_a_mix_is_checked_with_its_longest_row_and_its_files() -> None:
    """The message names the request; the values of templates are those of one row."""
    requests = [
        {"name": "small", "request": {"path": "/"}},
        {"name": "rows", "request": {"path": "/", "method": "POST", "json": {"a": "${row.a}", "b": ["${row.b}"]}}},
        {"name": "form", "request": {"path": "/", "method": "POST", "form": {"a": "${row.a}"}}},
        {"name": "file", "request": {"path": "/", "method": "PUT", "file": "large"}},
        {"name": "parts", "request": {"path": "/", "method": "PUT", "multipart": [{"name": "f", "file": "${row.f}"}]}},
        {"name": "path", "request": {"path": "/${row.c}", "headers": {"X_A": "${secret.S}"}}},
    ]
    half = "x" * 600_000
    rows = ({"a": half, "b": "", "c": "", "f": "large"}, {"a": "", "b": half, "c": "/" * 3000, "f": "large"})
    files = {"large": b"x" * ((1 << 20) + 1)}
    found = grid(request=None, traffic={"data": {"file": "rows.csv"}, "requests": requests})
    found = found.with_dataset(Dataset(rows=rows, files=files)).with_traffic_secrets({"S": "s" * 9500})
    stock = {"nginx_lb_settings": "stock"}
    assert [text.partition(": ")[0] for _, text in request_limits.problems(found, stock)] == [
        "traffic.requests.3.request.file",
        "traffic.requests.4.request.multipart",
        "traffic.requests.5.request.headers.X_A",
        "traffic.requests.5.request.headers.X_A",
    ]
    limit = {**stock, "nginx_lb_client_max_body_size": "500k"}
    texts = [text for _, text in request_limits.problems(found, limit)]
    assert texts[0].startswith("traffic.requests.1.request.json: 600,017 bytes exceed")
    assert texts[1].startswith("traffic.requests.2.request.form: 600,002 bytes exceed")


def test_values_in_a_path_are_percent_encoded() -> None:
    rows = Dataset(rows=({"c": "/" * 3000},))
    found = grid(request=None, traffic={"requests": [{"name": "a", "request": {"path": "/${row.c}"}}]})
    (text,) = (text for _, text in request_limits.problems(found.with_dataset(rows), {"nginx_lb_settings": "stock"}))
    assert text.startswith("traffic.requests.0.request.path: 9,016 bytes of header exceed")


@pytest.mark.parametrize(
    ("text", "count"), [("1m", 1 << 20), ("8K", 8192), ("0", 0), ("2g", 2 << 30), ("{{ a }}", None), ("", None)]
)
def test_sizes_are_read_as_nginx_does(text: str, count: int | None) -> None:
    assert nginx.size_of(text) == count


def test_a_proposed_size_is_large_enough() -> None:
    for count in (1, 1024, 1025, 3_000_000):
        size = nginx.size_of(nginx.written_size(count))
        assert size is not None
        assert size >= count


PAGE = (
    "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr><center>nginx</center></body></html>"
)
LOG = (
    "2026/01/02 03:04:05 [error] 29#29: *7 upstream sent too big header while reading response header from upstream, "
    "client: 10.0.0.20, server: , request"
)


@pytest.mark.parametrize(
    ("status", "server", "text", "logged", "expected"),
    [
        (413, "", PAGE.format("413 Request Entity Too Large"), "", "nginx_lb_client_max_body_size"),
        (413, "10.0.0.1:8080", "too large for this service", "", ""),
        (414, "", PAGE.format("414 Request-URI Too Large"), "", "nginx_lb_large_client_header_buffers"),
        (400, "", PAGE.format("400 Request Header Or Cookie Too Large"), "", "nginx_lb_large_client_header_buffers"),
        (400, "", PAGE.format("400 Bad Request"), "", "it cannot parse it"),
        (400, "10.0.0.1:8080", "bad", "", ""),
        (502, "10.0.0.1:8080", PAGE.format("502 Bad Gateway"), LOG, "nginx_lb_proxy_buffer_size"),
        (502, "10.0.0.1:8080", "the service's own", LOG, ""),
        (
            502,
            "10.0.0.1:8080",
            PAGE.format("502 Bad Gateway"),
            LOG.replace("upstream sent too big header", "connect() failed (111: Connection refused)"),
            "nginx generated this response; its log: 'connect() failed (111: Connection refused)",
        ),
        (504, "10.0.0.1:8080", PAGE.format("504 Gateway Time-out"), "", "nginx generated this response"),
    ],
)
def test_a_response_of_nginx_itself_is_explained_with_the_variable_of_its_limit(
    status: int, server: str, text: str, logged: str, expected: str
) -> None:
    found = nginx.NGINX.own_response(status, server, text, logged)
    assert expected in found
    assert bool(found) == bool(expected)


def test_numbers_and_booleans_of_an_environment_arrive_as_written() -> None:
    """A number that YAML reads differently than it is written is an error."""
    text = "vars: {ml_server_env: {A: 8, B: 0.5, C: true, D: False, E: text, F: 'on', G: 1.10}}"
    env = {"A": 8, "B": 0.5, "C": True, "D": False, "E": "text", "F": "on", "G": 1.1}
    assert [text for _, text in server_env.problems(grid(vars={"ml_server_env": env}), text)] == [
        "vars: ml_server_env.G: 1.10 would arrive at the server as 1.1. Fix: write it in quotes, as in G: '1.10'"
    ]
    assert [server_env.arrives(value) for value in (8, 0.5, True, False)] == ["8", "0.5", "true", "false"]
