"""Kinds of failed requests: parsed once from the keys of `counters.generator.errors`, which are text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class FailureCategory(StrEnum):
    """Way in which a request failed; the value is the text of a recorded kind."""

    STATUS = "status"  # with `FailureKind.status`
    COUNTED = "counted"  # a rejection with `FailureKind.status` that counts as a success; never recorded
    TIMEOUT = "timeout"
    CONNECTION_REFUSED = "refused"
    CONNECTION = "connection"
    INCOMPLETE = "incomplete"
    ENCODING = "encoding"
    BODY = "body"
    CLIENT = "client"  # `FailureKind.detail`: the exception of the load generator's HTTP client
    ABORTED = "aborted"  # in flight at the end of the load
    NOT_SENT = "not sent"
    NO_DATA = "no data"  # it was not sent, as a value for it does not exist
    NO_ROWS = "no rows"  # it was not sent, as `pick: once` has used all rows
    UNSENDABLE = "unsendable"  # it was not sent; `FailureKind.detail`: the header, or the exception
    FAILED = "failed"  # the load generator does not count kinds of failure
    OTHER = "other"  # `FailureKind.detail`: the recorded text


_PLAIN = frozenset(FailureCategory) - {
    FailureCategory.STATUS,
    FailureCategory.COUNTED,
    FailureCategory.CLIENT,
    FailureCategory.UNSENDABLE,
    FailureCategory.OTHER,
}


@dataclass(frozen=True)
class FailureKind:
    """Kind of failure of a request; `str` gives the recorded text."""

    category: FailureCategory
    status: int | None = None
    detail: str = ""

    def __str__(self) -> str:
        if self.category is FailureCategory.OTHER:
            return self.detail
        more = self.status if self.status is not None else self.detail
        return f"{self.category} {more}" if more != "" else str(self.category)


def with_status(status: int) -> FailureKind:
    """Return the kind of a request that failed with this status."""
    return FailureKind(FailureCategory.STATUS, status)


def parse(text: str) -> FailureKind:
    """Parse a recorded kind, such as `timeout` or `status 429`; an unknown text becomes `OTHER`."""
    first, _, rest = text.partition(" ")
    if text in _PLAIN:
        return FailureKind(FailureCategory(text))
    if first == FailureCategory.STATUS and rest.isdecimal():
        return with_status(int(rest))
    if first in (FailureCategory.CLIENT, FailureCategory.UNSENDABLE):
        return FailureKind(FailureCategory(first), detail=rest)
    return FailureKind(FailureCategory.OTHER, detail=text)


def parse_counts(errors: Mapping[str, int]) -> dict[FailureKind, int]:
    """Parse recorded failures: kind → requests."""
    return {parse(text): count for text, count in errors.items()}
