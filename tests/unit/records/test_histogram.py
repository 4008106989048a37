"""Histograms of latencies, compared with those of HdrHistogram for Java (2.2.2) and Python (0.10.8)."""

import base64
import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.records.histogram import HIGHEST_US, MOST_PLAIN, Histogram, highest_of, index_of

# values: [microseconds, count]; values_us: percentile → what the library for Python answers.
CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "data" / "histograms.json").read_text())
LIBRARIES = ("java-2.2.2", "hdrhistogram-0.10.8")


def recorded(values: list[list[int]]) -> Histogram:
    histogram = Histogram()
    for value, count in values:
        histogram.record({value: count})
    return histogram


def read(*encoded: str) -> Histogram:
    histogram = Histogram()
    for one in encoded:
        histogram.add(one)
    return histogram


def counts(encoded: str) -> bytes:
    """Return the uncompressed headers and counts."""
    return zlib.decompress(base64.b64decode(encoded)[8:])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_histograms_of_other_libraries_are_read(case: dict[str, Any], library: str) -> None:
    found = read(case[library])
    assert found.total == sum(count for _, count in case["values"])
    assert found.values_us(map(float, case["values_us"])) == {float(q): us for q, us in case["values_us"].items()}
    assert found.encode() == recorded(case["values"]).encode()


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["name"] not in ("empty", "shorter range")], ids=lambda c: c["name"]
)
def test_a_written_histogram_equals_javas(case: dict[str, Any]) -> None:
    """For the same range and at least one value; Java writes a count of zero into an empty histogram."""
    assert counts(recorded(case["values"]).encode()) == counts(case["java-2.2.2"])


def test_a_sum_is_exact() -> None:
    first, second = CASES[4], CASES[5]
    both = read(first["java-2.2.2"], second["hdrhistogram-0.10.8"])
    assert both.encode() == recorded([*first["values"], *second["values"]]).encode()


def test_values_have_three_digits_over_the_whole_range() -> None:
    values = np.unique(np.geomspace(1, HIGHEST_US, 5000).astype(int)).tolist()
    for value in values:
        top = highest_of(index_of(value))
        assert value <= top <= value * 1.001
        assert index_of(top) == index_of(value)
        assert index_of(top + 1) == index_of(value) + 1


def test_a_percentile_is_that_of_the_values_themselves() -> None:
    values = np.sort(np.random.default_rng(2024).lognormal(10, 1, 5000).astype(int) + 1)
    found = recorded([[int(value), 1] for value in values]).values_us([50, 95, 99])
    assert found == {q: pytest.approx(values[math.ceil(q / 100 * 5000) - 1], rel=0.001) for q in (50, 95, 99)}


def test_a_value_outside_the_range_is_counted_as_the_nearest_inside() -> None:
    assert recorded([[0, 2], [10 * HIGHEST_US, 3]]).encode() == recorded([[1, 2], [HIGHEST_US, 3]]).encode()


def altered(position: int, byte: int) -> str:
    """Return a histogram with one changed byte in its compressed part."""
    plain = bytearray(counts(CASES[4]["java-2.2.2"]))
    plain[position] = byte
    packed = zlib.compress(bytes(plain))
    return base64.b64encode(b"\x1c\x84\x93\x14" + len(packed).to_bytes(4, "big") + packed).decode()


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        ("no base64!", "not a compressed HdrHistogram"),
        ("", "not a compressed HdrHistogram"),
        (base64.b64encode(b"something else altogether").decode(), "not a compressed HdrHistogram"),
        (CASES[4]["java-2.2.2"][:-40], "not a compressed HdrHistogram"),
        (altered(0, 0), "headers are inconsistent"),
        (altered(15, 2), "2 digits"),
        (altered(23, 2), "lowest value 2"),
        (altered(11, 1), "offset 1"),
        (altered(-1, 0x80), "cut off"),
    ],
)
def test_an_invalid_histogram_is_rejected(encoded: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Histogram().add(encoded)


def test_a_histogram_that_unpacks_to_far_too_much_is_rejected_before() -> None:
    """One megabyte would become a gigabyte."""
    packed = zlib.compress(bytes(10 * MOST_PLAIN), 9)
    bomb = base64.b64encode(b"\x1c\x84\x93\x14" + len(packed).to_bytes(4, "big") + packed).decode()
    with pytest.raises(ValueError, match="holds more than any histogram"):
        Histogram().add(bomb)


def test_values_beyond_the_range_are_rejected() -> None:
    """A histogram with a longer range loses no value silently."""
    plain = counts(CASES[4]["java-2.2.2"])[:40]
    many = plain[:4] + (5).to_bytes(4, "big") + plain[8:] + b"\xff\xff\x7f\x02\x02"  # a million zeros, then two ones
    packed = zlib.compress(many)
    with pytest.raises(ValueError, match="more counts than there are values"):
        read(base64.b64encode(b"\x1c\x84\x93\x14" + len(packed).to_bytes(4, "big") + packed).decode())
    later = plain[:4] + (4).to_bytes(4, "big") + plain[8:] + b"\xff\xc9\x03\x02"  # in the 30 000s of indices
    packed = zlib.compress(later)
    with pytest.raises(ValueError, match="above 960 s"):
        read(base64.b64encode(b"\x1c\x84\x93\x14" + len(packed).to_bytes(4, "big") + packed).decode())
