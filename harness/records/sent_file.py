"""The record of a file that the traffic sends, in study.json."""

from __future__ import annotations

from harness.records.part import Part


class SentFile(Part):
    """Size in bytes and SHA-256 of a file that the traffic reads or sends; its bytes are not recorded."""

    size: int
    sha256: str
