"""Servers' own counts, in every form that Prometheus' text formats allow, from a counter of the grid's choice."""

import pytest

from harness.errors import BadInput
from harness.grid.schema import Service
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
        HEAD + 'ml_requests_total{trial="t",status="200",said="a \\"quoted\\\\ \\n word"} 5\n',
        HEAD + 'ml_requests_total{trial="t",status="200",p="a"} 2\nml_requests_total{trial="t",status="200",p="b"} 3\n',
        OPEN + 'ml_requests_total{trial="t",status="200"} 5.0 # {trace_id="a b"} 0.67 1520879607.789\n# EOF\n',
        OPEN + 'ml_requests_total{trial="t",status="200"} 5.0 # {trace_id="a"} 0.67\n',  # without the end that it needs
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
def test_without_the_counter_nothing_is_counted(text: str) -> None:
    assert OURS.counted(text, "t") is None


def test_a_counter_without_a_sample_yet_counts_nothing_and_is_there() -> None:
    assert OURS.counted(HEAD, "t") == {}


def test_a_counter_whose_samples_lack_a_label_is_no_count() -> None:
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


def chosen(**said: object) -> Counting:
    metric = Service.model_validate({"requests_metric": {"name": "http_requests_total", **said}}).requests_metric
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
    assert counts.of("server-1", THEIRS % (3, 1), "t") is None, "it was started anew"
    assert counts.of("server-2", THEIRS % (140, 90), "t") is None, "nobody knows what it had counted before"


def test_a_counter_with_a_label_for_trials_needs_no_difference() -> None:
    counts = OwnCounts(chosen(status_label="code", trial_label="study"))
    text = 'http_requests_total{code="200",study="%s"} 5\n'
    counts.begin("server-1", text % "t.verify")
    assert counts.of("server-1", text % "t", "t") == {"200": 5}


@pytest.mark.parametrize(
    ("said", "told"),
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
def test_a_missing_counter_is_reported_with_the_existing_ones(said: dict[str, object], told: str) -> None:
    counts = OwnCounts(chosen(**said))
    with pytest.raises(BadInput, match=told):
        counts.begin("server-1", THEIRS % (1, 1))
    with pytest.raises(BadInput, match="The server has no metrics"):
        OwnCounts(chosen()).begin("server-1", "<html>404</html>")


def test_a_server_that_stops_telling_after_its_first_load_is_the_rules_matter() -> None:
    counts = OwnCounts(chosen(status_label="code"))
    counts.begin("server-1", THEIRS % (1, 1))
    counts.begin("server-1", "")
    assert counts.of("server-1", THEIRS % (9, 9), "t") is None


def test_names_of_all_samples_are_found() -> None:
    assert names(THEIRS % (1, 1) + "up 1\n") == ["http_requests_total", "up"]
