"""Draw a study's first page: `python -m benchmarks.picture STUDY OUT.png`."""

from __future__ import annotations

import sys
from pathlib import Path

import pypdfium2


def main() -> None:
    """Draw it."""
    document = pypdfium2.PdfDocument(Path(sys.argv[1]) / "report.pdf")
    document[0].render(scale=1.6).to_pil().save(sys.argv[2], optimize=True)


if __name__ == "__main__":
    main()
