"""A controller's programs as a Mac has them: no GNU programs, and none of GNU's options in those of the same name.

Only what stands here is on the PATH. What is refused ends with 64 and is written down, so that a test can tell that
nothing asked for it, also where somebody would not mind.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# The same everywhere, as far as this project may use them.
PORTABLE = [
    "awk",
    "basename",
    "bash",
    "cat",
    "chmod",
    "cp",
    "cut",
    "dirname",
    "echo",
    "env",
    "expr",
    "false",
    "git",
    "grep",
    "gzip",
    "head",
    "hostname",
    "id",
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mkfifo",
    "mv",
    "nice",
    "ps",
    "pwd",
    "rm",
    "rmdir",
    "scp",
    "sftp",
    "sh",
    "sleep",
    "sort",
    "ssh",
    "ssh-keygen",
    "ssh-add",
    "tail",
    "tee",
    "touch",
    "tr",
    "true",
    "tty",
    "uname",
    "uniq",
    "wc",
    "which",
    "docker",
    "python3",
    "sudo",
]
# Patterns of the shell for arguments that BSD's program refuses, or takes for something else.
REFUSED = {
    "date": ("+*%N*", "-d", "--*", "-I*"),
    "sed": ("-i", "-r", "--*", "-s", "-z"),
    "stat": ("-c*", "--*"),
    "readlink": ("-e", "-m", "--*"),
    "tar": ("--owner*", "--transform*", "--sort*", "--mtime*", "--numeric-owner", "--wildcards"),
    "mktemp": ("--*", "-p"),
    "df": ("--*", "-B*"),
    "du": ("--*", "-b"),
    "find": ("-printf", "-regextype"),
    "xargs": ("--*", "-d", "-r"),
    "base64": ("-w*", "--wrap*"),
    "ls": ("--*",),
    "cp": ("--*",),
    "rm": ("--*",),
    "mkdir": ("--*",),
    "sort": ("-V", "--*"),
    "head": ("--*",),
    "tail": ("--*",),
    "grep": ("-P*", "--perl*"),
    "ps": ("--*",),
    "ln": ("-T", "--*"),
    "touch": ("-d*", "--*"),
    "uname": ("-o", "--*"),
}
WRAPPER = """#!/bin/sh
for argument; do
  case "$argument" in
    {patterns}) echo "$0 $*" >>'{refusals}'; echo "{name}: illegal option -- $argument" >&2; exit 64 ;;
  esac
done
exec '{real}' "$@"
"""
# What a Mac does not have at all: called, it is written down, as if it were not there. Package managers are left out,
# as the study looks for them to know where it is.
ABSENT = [
    "sha256sum",
    "sha1sum",
    "md5sum",
    "timeout",
    "setsid",
    "nproc",
    "free",
    "ip",
    "ss",
    "findmnt",
    "ionice",
    "taskset",
    "numfmt",
    "realpath",
    "tac",
    "shuf",
    "chrt",
    "getent",
    "unshare",
    "nsenter",
    "systemctl",
    "mount",
    "flock",
    "stdbuf",
    "lscpu",
    "watch",
]
MISSING = """#!/bin/sh
echo "$0 $*" >>'{refusals}'
echo "{name}: command not found" >&2
exit 127
"""


def programs(folder: Path) -> tuple[str, Path]:
    """A PATH with such programs alone, and the file in which everything that was refused is written down."""
    folder.mkdir()
    refusals = folder / "refusals.log"
    refusals.touch()
    for name in dict.fromkeys([*PORTABLE, *REFUSED]):
        real = shutil.which(name)
        if real and name in REFUSED:
            patterns = "|".join(REFUSED[name])
            write(folder / name, WRAPPER.format(patterns=patterns, refusals=refusals, name=name, real=real))
        elif real:
            (folder / name).symlink_to(os.path.realpath(real))
    for name in ABSENT:
        write(folder / name, MISSING.format(refusals=refusals, name=name))
    return str(folder), refusals


def write(file: Path, text: str) -> None:
    """Write a program."""
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755)
