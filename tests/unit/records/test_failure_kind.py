"""Kinds of failure keep their recorded text and are compared by fields."""

import pytest

from harness.records import failure_kind
from harness.records.failure_kind import FailureCategory, FailureKind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("timeout", FailureKind(FailureCategory.TIMEOUT)),
        ("not sent", FailureKind(FailureCategory.NOT_SENT)),
        ("failed", FailureKind(FailureCategory.FAILED)),
        ("status 429", FailureKind(FailureCategory.STATUS, 429)),
        ("client ValueError", FailureKind(FailureCategory.CLIENT, detail="ValueError")),
        ("client", FailureKind(FailureCategory.CLIENT)),
        ("status", FailureKind(FailureCategory.OTHER, detail="status")),
        ("counted 429", FailureKind(FailureCategory.OTHER, detail="counted 429")),
        ("other", FailureKind(FailureCategory.OTHER, detail="other")),
        ("a kind of a later version", FailureKind(FailureCategory.OTHER, detail="a kind of a later version")),
        ("", FailureKind(FailureCategory.OTHER)),
    ],
)
def test_a_recorded_kind_is_parsed_and_printed_unchanged(text: str, kind: FailureKind) -> None:
    assert failure_kind.parse(text) == kind
    assert str(kind) == text
    assert failure_kind.parse_counts({text: 3}) == {kind: 3}


def test_a_rejection_that_counts_as_a_success_is_another_kind() -> None:
    counted = FailureKind(FailureCategory.COUNTED, 429)
    assert counted != failure_kind.with_status(429)
    assert str(counted) == "counted 429"
