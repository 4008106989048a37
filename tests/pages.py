"""Content of each page of a report's PDF, by its tags and its ink, faults of its layout, and all text of a folder."""

from __future__ import annotations

import ctypes
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pypdf
import pypdfium2

TOP, BOTTOM = 17 / 297, 1 - 16 / 297  # of an A4 page's height: begin and end of its text
LEAST_FULL = 1 / 2
MILLIMETRES = 297
HEADINGS = ("/H1", "/H2", "/H3")
BLOCKS = (*HEADINGS, "/P", "/Figure", "/Caption", "/Table", "/L", "/NonStruct")


@dataclass(frozen=True)
class Page:
    """Blocks of a page in order, as (tag, parts), and the filled share of its height.

    Parts are the numbers of cells in each row of a table, or of elements in each item of a list.
    """

    blocks: list[tuple[str, list[int]]]
    full: float


def read(content: bytes) -> list[Page]:
    """Read the pages of an A4 report."""
    reader = pypdf.PdfReader(io.BytesIO(content))
    root = reader.trailer["/Root"]["/StructTreeRoot"]  # type: ignore[index] # a PDF dictionary
    by_page: dict[int, list[tuple[str, list[int]]]] = {}
    numbers = {page.indirect_reference.idnum: n for n, page in enumerate(reader.pages) if page.indirect_reference}
    for element in _blocks(root):
        by_page.setdefault(numbers[element.raw_get("/Pg").idnum], []).append((element["/S"], _parts(element)))
    return [Page(by_page.get(n, []), _full(page)) for n, page in enumerate(pypdfium2.PdfDocument(content))]


def _kids(element: Any) -> list[Any]:
    kids = element.get("/K", [])
    found = [kid.get_object() for kid in (kids if isinstance(kids, list) else [kids])]
    return [kid for kid in found if isinstance(kid, dict) and "/S" in kid]


def _blocks(element: Any) -> Iterator[Any]:
    """Yield the elements that follow one another on the page, without the elements inside a block."""
    for kid in _kids(element):
        if kid["/S"] in BLOCKS and (kid["/S"] != "/NonStruct" or "/Pg" in kid) and not _holds(kid):
            yield kid
        else:
            yield from _blocks(kid)


def _holds(element: Any) -> bool:
    """Return whether an element only wraps blocks, as HTML's `figure` does."""
    return element["/S"] == "/NonStruct" and any(kid["/S"] in BLOCKS[:-1] for kid in _kids(element))


def _parts(element: Any) -> list[int]:
    if element["/S"] == "/Table":
        groups = [kid for kid in _kids(element) if kid["/S"] == "/TBody"]
        return [len(_kids(row)) for group in groups for row in _kids(group)]
    return [len(_kids(kid)) for kid in _kids(element)] if element["/S"] == "/L" else []


def _full(page: Any) -> float:
    drawn = np.asarray(page.render(scale=MILLIMETRES / page.get_height(), grayscale=True).to_pil())
    body = drawn[round(TOP * MILLIMETRES) : round(BOTTOM * MILLIMETRES)]
    inked = np.flatnonzero((body < 200).any(axis=1))
    return float(inked[-1] + 1) / len(body) if len(inked) else 0.0


def baselines(content: bytes, sizes: tuple[float, ...]) -> set[tuple[float, float]]:
    """Return size and height of the baselines of text with these sizes in points, over all pages."""
    found = set()
    x, y, matrix = ctypes.c_double(), ctypes.c_double(), pypdfium2.raw.FS_MATRIX()
    for page in pypdfium2.PdfDocument(content):
        text = page.get_textpage()
        for at in range(text.count_chars()):
            pypdfium2.raw.FPDFText_GetMatrix(text, at, matrix)
            size = round(pypdfium2.raw.FPDFText_GetFontSize(text, at) * abs(matrix.d), 1)
            if size in sizes and pypdfium2.raw.FPDFText_GetCharOrigin(text, at, x, y):
                found.add((size, round(y.value, 2)))
    return found


def faults(pages: list[Page]) -> list[str]:
    """Return headings, rows and terms that a page break separated from their content, and nearly empty pages."""
    found = []
    for number, page in enumerate(pages, 1):
        at, last = f"page {number}", number == len(pages)
        if not page.blocks:
            found.append(f"{at}: empty")
            continue
        if page.full < LEAST_FULL and not last:
            found.append(f"{at}: only {page.full:.0%} full")
        if page.blocks[-1][0] in HEADINGS:
            found.append(f"{at}: a heading at its foot, apart from what follows")
        before = pages[number - 2].blocks[-1:] if number > 1 else []
        after = pages[number].blocks[:1] if not last else []
        for (tag, parts), neighbours, where in ((page.blocks[0], before, "head"), (page.blocks[-1], after, "foot")):
            if tag == "/Table" and len(parts) < 2 and neighbours and neighbours[0][0] == "/Table":
                found.append(f"{at}: a single row of a table at its {where}")
        found += [
            f"{at}: a term apart from its text"
            for tag, parts in page.blocks
            if tag == "/L" and any(count != 2 for count in parts)  # a term and its text, a bullet and its sentence
        ]
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, with decompressed PDF streams."""
    found = {}
    for file in folder.rglob("*"):
        if file.is_file():
            text = file.read_bytes()
            for stream in re.findall(rb"stream\r?\n(.*?)endstream", text, re.S):
                try:
                    text += zlib.decompress(stream)
                except zlib.error:
                    continue
            found[str(file.relative_to(folder))] = text
    return found
