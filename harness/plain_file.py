"""Read a regular file without waiting, whatever its path turns out to be."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read(path: Path, most: int) -> bytes:
    """Return the content of a file, at most `most` bytes and one more, by which a larger file is known.

    Raises OSError, also for a directory, a pipe or a device, and ValueError for a zero byte in the path. A file of the
    kernel that has nothing to read, as /proc/kmsg, is empty.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            is_folder = stat.S_ISDIR(mode)
            raise OSError(errno.EISDIR if is_folder else errno.EINVAL, "is a directory" if is_folder else "not a file")
        return file.read(most + 1) or b""


def unreachable(path: Path) -> str:
    """Return why it is unknown whether a path exists, as its name is too long; empty where it is known."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return (error.strerror or str(error)).lower()
    except ValueError:
        return "not a file name"
    return ""
