"""High dynamic range histograms of latencies, stored in the format of HdrHistogram.

Values are whole microseconds from 1 to HIGHEST_US with a resolution of three digits. The layout of the counts is that
of `AbstractHistogram`. The format is that of `encodeIntoCompressedByteBuffer` (V2) in Java's HdrHistogram 2.2, in
base64 as in that project's histogram logs:
https://hdrhistogram.github.io/HdrHistogram/JavaDoc/org/HdrHistogram/AbstractHistogram.html
The library for Python has wheels for one processor family only, so this module implements the format.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

HIGHEST_US = 960_000_000  # the longest timeout of a grid, two minutes, at the largest time scaling
DIGITS = 3
# The smallest power of two that holds 2 × 10^DIGITS values: below it each value has a count of its own, above it each
# doubling of the value halves the resolution.
FINEST = 2048
HALF = FINEST // 2

COMPRESSED, PLAIN = 0x1C849304, 0x1C849303  # first bytes of the two headers
WIDTH = 0x10  # bits of a header that version 2 does not use
MOST_COUNTS = 64 * HALF  # of values up to 2^63
MOST_PLAIN = 64 + 9 * MOST_COUNTS  # bytes: a header, and nine for each count
OUTER = struct.Struct(">II")  # kind, bytes that follow
INNER = struct.Struct(">IIiIQQd")  # kind, bytes of counts, index offset, digits, lowest, highest, ratio to a double


class Histogram:
    """Counts of values in microseconds. Sums of histograms are exact; percentiles are never averaged."""

    def __init__(self) -> None:
        self._counts = np.zeros(index_of(HIGHEST_US) + 1, dtype=np.int64)

    @property
    def total(self) -> int:
        """Number of values."""
        return int(self._counts.sum())

    @property
    def mean_us(self) -> float | None:
        """Mean in µs, each value in the middle of its bucket; None without values."""
        used = np.flatnonzero(self._counts)
        if not len(used):
            return None
        counts = self._counts[used]
        middles = np.array([(lowest_of(index) + highest_of(index)) / 2 for index in used.tolist()])
        return float((counts * middles).sum() / counts.sum())

    @property
    def most_us(self) -> int | None:
        """Largest value in µs, within the resolution; None without values."""
        used = np.flatnonzero(self._counts)
        return highest_of(int(used[-1])) if len(used) else None

    def record(self, values_us: Mapping[int, int]) -> None:
        """Add value → count; a value outside the range counts as the nearest one inside."""
        for value, count in values_us.items():
            self._counts[index_of(max(1, min(HIGHEST_US, value)))] += count

    def add(self, encoded: str) -> None:
        """Add an encoded histogram; raises ValueError if it cannot be decoded."""
        counts = _counts_of(encoded)
        if len(counts) > len(self._counts):
            raise ValueError(f"it holds values above {HIGHEST_US / 1e6:g} s")
        self._counts[: len(counts)] += counts

    def above(self, value_us: int) -> int:
        """Count the values above this one, within the histogram's resolution."""
        return int(self._counts[index_of(max(1, min(HIGHEST_US, value_us))) + 1 :].sum())

    def values_us(self, percentiles: Iterable[float]) -> dict[float, int]:
        """Return percentile (0–100) → largest value of its bucket in µs; empty without values."""
        total = self.total
        if not total:
            return {}
        upto = np.cumsum(self._counts)
        wanted = {q: max(1, int(min(q, 100.0) * total / 100 + 0.5)) for q in percentiles}
        return {q: highest_of(int(np.searchsorted(upto, rank))) for q, rank in wanted.items()}

    def encode(self) -> str:
        """Return the histogram as text; an empty one has a text too."""
        used = np.flatnonzero(self._counts)
        counts = _packed(self._counts[: used[-1] + 1].tolist() if len(used) else [])
        header = INNER.pack(PLAIN | WIDTH, len(counts), 0, DIGITS, 1, HIGHEST_US, 1.0)
        packed = zlib.compress(header + counts)
        return base64.b64encode(OUTER.pack(COMPRESSED | WIDTH, len(packed)) + packed).decode("ascii")


def index_of(value: int) -> int:
    """Return the index of a value's bucket."""
    coarse = max(value, FINEST - 1).bit_length() - FINEST.bit_length() + 1
    return coarse * HALF + (value >> coarse)


def highest_of(index: int) -> int:
    """Return the largest value of a bucket."""
    coarse = max(0, index // HALF - 1)
    return ((index - coarse * HALF + 1) << coarse) - 1


def lowest_of(index: int) -> int:
    """Return the smallest value of a bucket."""
    return highest_of(index - 1) + 1 if index else 0


def _packed(counts: Sequence[int]) -> bytes:
    """Encode counts as ZigZag LEB128 integers of at most nine bytes; a run of zeros is its negative length."""
    found = bytearray()
    zeros = 0
    for count in [*counts, None]:
        if count == 0:
            zeros += 1
            continue
        if zeros:
            _append(found, -zeros if zeros > 1 else 0)
            zeros = 0
        if count is not None:
            _append(found, count)
    return bytes(found)


def _append(to: bytearray, number: int) -> None:
    rest = (number << 1) ^ (number >> 63)
    for _ in range(8):
        if rest < 0x80:
            break
        to.append(rest & 0x7F | 0x80)
        rest >>= 7
    to.append(rest)


def _numbers(packed: bytes) -> Iterator[int]:
    """Decode the integers of `_packed`; raises ValueError if the last one is cut off."""
    number = shift = 0
    for byte in packed:
        last = shift == 56  # the ninth byte has eight bits of the number
        number |= (byte if last else byte & 0x7F) << shift
        shift += 7
        if last or byte < 0x80:
            yield (number >> 1) ^ -(number & 1)
            number = shift = 0
    if shift:
        raise ValueError("its last count is cut off")


def _counts_of(encoded: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the counts of an encoded histogram up to the last nonzero one; raises ValueError."""
    counts = np.zeros(MOST_COUNTS, dtype=np.int64)
    at = end = 0
    for number in _numbers(_unpacked(encoded)):
        if number > 0 and at < MOST_COUNTS:
            counts[at] = number
            end = at + 1
        elif number > 0:
            raise ValueError("it holds more counts than there are values")
        at += -number if number < 0 else 1
    return counts[:end]


def _inflated(packed: bytes) -> bytes:
    """Decompress at most the size of the largest histogram; raises zlib.error for more, or for damaged data."""
    reader = zlib.decompressobj()
    plain = reader.decompress(packed, MOST_PLAIN)
    if not reader.eof:
        raise zlib.error("it ends too early, or holds more than any histogram")
    return plain


def _unpacked(encoded: str) -> bytes:
    """Return the packed counts of an encoded histogram; raises ValueError for another layout."""
    try:
        raw = base64.b64decode(encoded, validate=True)
        kind, length = OUTER.unpack_from(raw)
        plain = _inflated(raw[OUTER.size :]) if kind & ~0xF0 == COMPRESSED else b""
        inner, size, offset, digits, lowest, _, _ = INNER.unpack_from(plain)
    except (binascii.Error, struct.error, zlib.error) as error:
        raise ValueError(f"not a compressed HdrHistogram of version 2: {error}") from None
    if inner & ~0xF0 != PLAIN or length != len(raw) - OUTER.size or size != len(plain) - INNER.size:
        raise ValueError("not a compressed HdrHistogram of version 2: its headers are inconsistent")
    if (offset, digits, lowest) != (0, DIGITS, 1):
        raise ValueError(
            f"unsupported histogram (got lowest value {lowest}, {digits} digits, offset {offset}). "
            f"Allowed: lowest value 1, {DIGITS} digits, offset 0"
        )
    return plain[INNER.size :]
