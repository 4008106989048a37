"""What may stand in place of a file: nothing, a folder, a pipe, a device, and content that no reader expects."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

HUGE = 10**12  # bytes of a file without content, which no disk has


def _content(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _link(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, HUGE)


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"/proc/self/fd/{folder}/{path.name}")  # a name of 108 bytes at most
    os.close(folder)


KINDS: Mapping[str, Callable[[Path], object]] = {
    "nothing": lambda _: None,
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": _link("/nowhere/at/all"),
    "/dev/zero": _link("/dev/zero"),
    "/dev/full": _link("/dev/full"),
    "/dev/null": _link("/dev/null"),
    "huge": _huge,
    "empty": _content(b""),
    "blank": _content(b" \n\n\t\n"),
    "a byte order mark": _content(b"\xef\xbb\xbf"),
    "zero bytes": _content(b"\0\0\0"),
    "binary": _content(bytes(range(256)) * 40),
    "UTF-16": _content("name: x\n".encode("utf-16")),
    "a word": _content(b"x\n"),
    "old Macintosh": _content(b"a,b\r1,2\r"),
    "half a pair": _content(b'{"a": "\\ud800"}\n'),
    "many digits": _content(b"1" * 5000 + b"\n"),
    "a quote": _content(b'"'),
    "brackets": _content(b"[" * 200_000),
    "parentheses": _content(b"(" * 100_000 + b"1" + b")" * 100_000),
    "signs": _content(b"-" * 100_000 + b"1"),
    "an open template": _content(b"{% for %}\n"),
    "a deep template": _content(b"{{ " + b"(" * 5000 + b"1" + b")" * 5000 + b" }}"),
    "digits in a template": _content(b"{{ " + b"1" * 5000 + b" }}"),
}
LARGE: Mapping[str, Callable[[Path], object]] = {
    "a long line": _content(b"x" * 60_000_000),
    "a row that never ends": _content(b'{"user": "a", "image": "' + b"x" * 60_000_000 + b"\n"),
    "a value that never ends": _content(b'user,image\na,"' + b"x\n" * 10_000_000),
    "many columns": _content(b",".join(b"c%d" % number for number in range(100_000)) + b"\n"),
}
if os.path.exists("/proc/kmsg"):  # noqa: PTH110 - a regular file that blocks
    LARGE = {**LARGE, "/proc/kmsg": _link("/proc/kmsg")}

# Content of JSONL → a part of its message; empty for valid rows.
JSONL = {
    b'\xef\xbb\xbf{"user": "a", "image": 1}\n': "",
    b'{"user": "a", "image": 1}\r\n{"user": "b", "image": 2}\r\n': "",
    b'\n\n{"user": "a", "image": 1}\n\n\n{"user": "b", "image": 1}': "",
    '{"user": "a\u2028b", "image": 1}\n'.encode(): "",
    b'{"user": "a", "image": 1}\n{"user": "b", "user": "c", "image": 1}\n': "rows:2: duplicate key 'user'",
    b'{"user": "a", "image": {"a": 1, "a": 2}}\n': "rows:1: duplicate key 'a'",
    b'{"user": "a\0", "image": 1}\n': "rows:1: not JSON: Invalid control character",
    b'{"user": "\xe9", "image": 1}\n': "rows is not text in UTF-8",
    b'{"user": "a", "image": NaN}\n': "rows:1: not JSON: NaN is not a number of JSON",
    b'{"user": "a", "image": 1e999}\n': "rows:1: not JSON: 1e999 is too large for a number",
    b'{"user": "a", "image": ' + b"1" * 5000 + b"}\n": "too large for a number",
    b'{"user": "a", "image": ' + b"[" * 3000 + b"]" * 3000 + b"}\n": "rows:1: not JSON: nested too deeply",
    b'{"user": "a", "image": "\\ud800"}\n': "rows:1: half of a character's surrogate pair",
    b'[{"user": "a", "image": 1}]\n': "Allowed: an object with columns",
    b"null\n": "Allowed: an object with columns",
    b"{}\n": "Allowed: an object with columns",
    b'{"user": "a", "image": 1}\n{"user": "b"}\n': "rows:2: the row lacks 'image'",
    b'{"user": "a", "image": 1}\n{"user": "b", "image": 1, "x": 2}\n': "rows:2: the row also has 'x'",
    b'{"user": "a", "ima': "rows:1: not JSON: Unterminated string",
    b"# rows\n": "rows:1: not JSON",
    b"": "rows has no rows",
}
CSV = {
    b"\xef\xbb\xbfuser,image\na,1\n": "",
    b"user,image\r\na,1\r\n": "",
    b"user,image\ra,1\r": "",
    b"user, image\n\n\na, 1\n": "",
    b"user,image\na\nb,1,2\n": "rows:2: got 1 values. Allowed: 2",
    b"user,image\na,1,\n": "rows:2: got 3 values. Allowed: 2",
    b"user,image,user\na,1,b\n": "rows:1: the column 'user' has no name of its own",
    b"user,,image\na,1,2\n": "rows:1: the column '' has no name of its own",
    b"user;image\na;1\n": "rows:1: got one column, 'user;image'",
    b'user,image\na,"1\n': "rows:2: not CSV: unexpected end of data",
    b'user,image\na,"b"c\n': "rows:2: not CSV",
    b"user,image\n\xe9,1\n": "rows is not text in UTF-8",
    b"user,image\n": "rows has no rows",
    b"\n": "rows has no rows",
}


def put(path: Path, make: Callable[[Path], object]) -> None:
    """Put something in place of a file or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
