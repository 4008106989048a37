"""Programs of a controller with macOS: no GNU programs, and no GNU options in programs of the same name.

The PATH has only the programs listed here. A rejected call exits with 64 (an illegal option) or 127 (no such program).
It is also logged, so a test finds calls whose failure their caller ignores.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# Programs that are equal on all systems, as far as this project may use them.
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
# Shell patterns of arguments that BSD's program rejects, or in which it sees another meaning.
ILLEGAL = {
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
    {patterns}) echo "$0 $*" >>'{rejected}'; echo "{name}: illegal option -- $argument" >&2; exit 64 ;;
  esac
done
exec '{real}' "$@"
"""
# Programs that macOS does not have: a call is logged and fails as if the program were absent. Package managers are left
# out, because the study looks for them to detect its system.
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
echo "$0 $*" >>'{rejected}'
echo "{name}: command not found" >&2
exit 127
"""


def programs(folder: Path) -> tuple[str, Path]:
    """Return a PATH with only these programs, and the log file of all rejected calls."""
    folder.mkdir()
    rejected = folder / "rejected.log"
    rejected.touch()
    for name in dict.fromkeys([*PORTABLE, *ILLEGAL]):
        real = shutil.which(name)
        if real and name in ILLEGAL:
            patterns = "|".join(ILLEGAL[name])
            write(folder / name, WRAPPER.format(patterns=patterns, rejected=rejected, name=name, real=real))
        elif real:
            (folder / name).symlink_to(os.path.realpath(real))
    for name in ABSENT:
        write(folder / name, MISSING.format(rejected=rejected, name=name))
    return str(folder), rejected


def write(file: Path, text: str) -> None:
    """Write an executable file."""
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755)
