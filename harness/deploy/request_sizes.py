"""Sizes of requests as they are sent, with the longest values of their templates. Pure."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from harness.grid import templates
from harness.grid.bodies import pairs
from harness.grid.dataset import Dataset
from harness.grid.request import HttpRequest

_OTHER = 36  # bytes of a value that is not known before the load, as long as a UUID
_PART = 200  # bytes of the header of a part of a multipart body, with a margin


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes in bytes. `dataset` has rows and files, `secrets` the values of `${secret.NAME}`."""

    dataset: Dataset | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def lines(self, request: HttpRequest) -> dict[str, int]:
        """The line of the request as "path", and those of its header fields by their names."""
        target = request.path + "".join(f"&{quote(name)}={value}" for name, value in pairs(request.params))
        found = {"path": len(f"{request.method}  HTTP/1.1\r\n") + self._largest([target], encoded=True)}
        for name, text in request.all_headers.items():
            found[name] = len(f"{name}: \r\n".encode()) + self._largest([text])
        return found

    def body(self, request: HttpRequest) -> int:
        """The body, at its largest."""
        if request.file is not None:
            return self._file(request.file.path)
        if request.multipart is not None:
            texts = [part.value or "" for part in request.multipart]
            files = sum(self._file(part.file) for part in request.multipart if part.file is not None)
            return self._largest(texts) + files + _PART * len(request.multipart)
        if request.form is not None:
            written = [f"{name}={value}&" for name, value in pairs(request.form)]
            return max(0, self._largest(written, encoded=True) - 1)
        return self._largest([request.body])

    def _file(self, path: str) -> int:
        """Size of a file, or of the largest one that a template may name."""
        files = self.dataset.files if self.dataset else {}
        if not templates.has_any(path):
            return len(files.get(path, b""))
        return max(map(len, files.values()), default=0)

    def _largest(self, texts: Iterable[str], encoded: bool = False) -> int:
        """Size of texts together; with `encoded` their values are percent-encoded."""
        every = list(texts)
        size = sum(len(templates.sample(text, "").encode()) for text in every)
        columns: Counter[str] = Counter()
        for name in itertools.chain.from_iterable(map(templates.names, every)):
            if name.startswith(templates.ROW):
                columns[name.removeprefix(templates.ROW)] += 1
            else:
                size += self._other(name)
        rows = self.dataset.rows if self.dataset and columns else ()
        by_row = (sum(n * _length(row.get(name), encoded) for name, n in columns.items()) for row in rows)
        return size + max(by_row, default=0)

    def _other(self, name: str) -> int:
        secret = self.secrets.get(name.removeprefix(templates.SECRET)) if name.startswith(templates.SECRET) else None
        return _OTHER if secret is None else len(secret.encode())


def _length(value: Any, encoded: bool) -> int:
    text = value if isinstance(value, str) else json.dumps(value)
    return len(quote(text, safe="")) if encoded else len(text.encode(errors="replace"))
