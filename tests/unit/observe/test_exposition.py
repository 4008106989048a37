"""Servers' own counts, from any counter of the grid, in every form that Prometheus' text formats allow."""

import pytest

from harness.errors import BadInput
from harness.grid.service import Service
from harness.observe.counts import OwnCounts
from harness.observe.exposition import OURS, Counting, names, slots

HEAD = "# HELP ml_requests_total Requests.\n# TYPE ml_requests_total counter\n"
OPEN = "# HELP ml_requests Requests.\n# TYPE ml_requests counter\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + 'ml_requests_total{trial="t",status="200"} 5.0\n',
        HEAD + 'ml_requests_total{trial="t",status="200"} 5 1700000000000\n',
        HEAD + 'ml_requests_total{status="200", trial="t",}   5e0\n',
        HEAD + 'ml_requests_total {trial="t",status="200"}\t5\n',
        HEAD
        + 'ml_requests_total{trial="t",status="200",path="/{id}"} 5\nml_requests_total{trial="}t",status="200"} 1\n',
        HEAD + 'ml_requests_total{trial="t",status="200",note="a \\"quoted\\\\ \\n word"} 5\n',
        HEAD + 'ml_requests_total{trial="t",status="200",p="a"} 2\nml_requests_total{trial="t",status="200",p="b"} 3\n',
        OPEN + 'ml_requests_total{trial="t",status="200"} 5.0 # {trace_id="a b"} 0.67 1520879607.789\n# EOF\n',
        OPEN + 'ml_requests_total{trial="t",status="200"} 5.0 # {trace_id="a"} 0.67\n',  # without its required end
        OPEN + 'ml_requests_total{trial="t",status="200"} 5.0 1520879607.789\n# EOF\n',
        'somebody else\'s {{ line\nml_requests_total{trial="t",status="200"} 5\n',
        'ml_requests_total{trial="t",status="200"} 5\r\nml_requests_total{trial="u",status="200"} 9\r\n',
        HEAD + 'ml_requests_total{trial="t",status="200"} 5\nml_requests_total{trial="t",status="500"} NaN\n',
        HEAD + 'ml_requests_total{trial="t",status="200"} 5\nml_requests_total{trial="t"} 7\n',
    ],
)
def test_a_count_is_read_in_every_form_that_the_formats_allow(text: str) -> None:
    assert OURS.counted(text, "t") == {"200": 5}


@pytest.mark.parametrize("text", ["", "<html>no</html>", "up 1\n", "\x00\xff{", "ml_requests_total_of_old 5\n"])
def test_a_missing_counter_has_no_count(text: str) -> None:
    assert OURS.counted(text, "t") is None


def test_a_counter_without_samples_counts_no_request() -> None:
    assert OURS.counted(HEAD, "t") == {}


def test_a_counter_whose_samples_lack_a_label_has_no_count() -> None:
    assert OURS.counted('ml_requests_total{trial="t"} 5\n', "t") is None


def test_the_slots_of_a_paced_server_need_all_three_of_its_counters() -> None:
    whole = (
        'ml_slot_seconds_total{state="offered"} 4.0 1700000000000\nml_slot_seconds_total{state="busy"}  1.5\n'
        "ml_late_seconds_total 0.25\nml_paced_answers_total 30\n"
    )
    assert slots(whole) == {"offered": 4.0, "busy": 1.5, "late": 0.25, "answers": 30}
    assert slots(whole.replace("ml_late", "ml_other")) is None
    assert slots("") is None


THEIRS = (
    '# TYPE http_requests counter\nhttp_requests_total{code="2xx",handler="/score"} %d\n'
    'http_requests_total{code="2xx",handler="/metrics"} %d\n'
)


def chosen(**keys: object) -> Counting:
    metric = Service.model_validate({"requests_metric": {"name": "http_requests_total", **keys}}).requests_metric
    assert metric is not None
    return Counting(
        name=metric.name,
        trial=metric.trial_label,
        status=metric.status_label,
        path=metric.path,
        only=metric.labels,
        chosen=True,
    )


def test_a_counter_without_a_label_for_trials_counts_by_the_difference() -> None:
    counts = OwnCounts(chosen(status_label="code", labels={"handler": "/score"}))
    counts.begin("server-1", THEIRS % (40, 7))
    assert counts.of("server-1", THEIRS % (140, 90), "t") == {"2xx": 100}
    assert counts.of("server-1", THEIRS % (3, 1), "t") is None, "it was restarted"
    assert counts.of("server-2", THEIRS % (140, 90), "t") is None, "its earlier count is unknown"


def test_a_counter_with_a_label_for_trials_needs_no_difference() -> None:
    counts = OwnCounts(chosen(status_label="code", trial_label="study"))
    text = 'http_requests_total{code="200",study="%s"} 5\n'
    counts.begin("server-1", text % "t.verify")
    assert counts.of("server-1", text % "t", "t") == {"200": 5}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"name": "http_request_total", "status_label": "code"},
            r"server-1/metrics: no metric 'http_request_total'\. Existing metrics: http_requests_total\. Fix: set",
        ),
        ({"name": "nothing_alike"}, r"no metric 'nothing_alike'\. Existing metrics: http_requests_total\. Fix"),
        ({}, r"http_requests_total has no label 'status'\. Existing labels: code, handler\. Fix"),
        ({"status_label": "code", "trial_label": "trial"}, r"has no label 'trial'\. Existing labels: code, handler"),
        ({"status_label": "code", "labels": {"handler": "/x"}}, r"no sample of http_requests_total has the labels"),
    ],
)
def test_a_missing_counter_is_reported_with_the_existing_ones(keys: dict[str, object], message: str) -> None:
    counts = OwnCounts(chosen(**keys))
    with pytest.raises(BadInput, match=message):
        counts.begin("server-1", THEIRS % (1, 1))
    with pytest.raises(BadInput, match="The server has no metrics"):
        OwnCounts(chosen()).begin("server-1", "<html>404</html>")


def test_metrics_that_disappear_later_have_no_count_and_raise_no_error() -> None:
    counts = OwnCounts(chosen(status_label="code"))
    counts.begin("server-1", THEIRS % (1, 1))
    counts.begin("server-1", "")
    assert counts.of("server-1", THEIRS % (9, 9), "t") is None


def test_names_of_all_samples_are_found() -> None:
    assert names(THEIRS % (1, 1) + "up 1\n") == ["http_requests_total", "up"]
