"""`study.py completion`: complete commands, options, grids, studies and inventories in a shell."""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

VARIABLE = "_STUDY_COMPLETE"  # set by a shell that requests completions
MOST = 200  # suggestions
# Typer's own scripts call the program by its name in PATH, where study.py is not.
_BASH = r"""
_study_completion() {
    local IFS=$'\n'
    COMPREPLY=($(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" VARIABLE=complete_bash \
        "${1/#\~/$HOME}" 2>/dev/null))
}
complete -o default -o filenames -F _study_completion study.py
"""
_ZSH = r"""
#compdef study.py
_study_completion() {
    eval "$(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" VARIABLE=complete_zsh ${~words[1]} 2>/dev/null)"
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _study_completion study.py
"""
_FISH = r"""
function __study_completion
    set -l program (commandline -opc)[1]
    set -l found (env VARIABLE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \
        _TYPER_COMPLETE_ARGS=(commandline -cp | string collect) (string replace -r '^~' $HOME $program) 2>/dev/null)
    if test -n "$found"
        string join \n -- $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command study.py --no-files --arguments "(__study_completion)"
"""


class Shell(StrEnum):
    """Shells with a completion script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_SCRIPTS = {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH}


def completion(shell: Annotated[Shell, typer.Argument(help="Shell of the script: bash, zsh or fish.")]) -> None:
    """Print the script that lets a shell complete ./study.py: commands, options, grids, studies and inventories.

    Example: `study.py completion bash`
    """
    from commands.console import Console

    Console().raw(script(shell))


def script(shell: Shell) -> str:
    """Return the completion script of a shell."""
    return _SCRIPTS[shell].strip().replace("VARIABLE", VARIABLE) + "\n"


def is_requested() -> bool:
    """Whether a shell requests completions, instead of a user a command."""
    return bool(os.environ.get(VARIABLE))


def grids(incomplete: str) -> list[str]:
    """Return the YAML files and the folders that begin with an incomplete path."""
    return _paths(incomplete, (".yaml", ".yml"))


def studies(incomplete: str) -> list[str]:
    """Return the directories of studies in results/, as a path that begins with the incomplete one."""
    from commands.options import RESULTS

    found = [file.parent for file in RESULTS.glob("*/study.json")]
    return _beginning(incomplete, (_as_written(path, incomplete) for path in found)) or _paths(incomplete, ())


def inventories(incomplete: str) -> list[str]:
    """Return the inventories of this project, and the paths that begin with an incomplete one."""
    from commands.options import ROOT

    ours = (f"inventory/{path.name}" for path in (ROOT / "inventory").glob("*") if not path.name.startswith("."))
    return _beginning(incomplete, ours) or _paths(incomplete, (".yml", ".yaml", ".ini"))


def _as_written(path: Path, incomplete: str) -> str:
    """Return a path as a user would go on writing it: absolute or relative to the current folder."""
    return str(path) if Path(incomplete).is_absolute() else os.path.relpath(path)


def _beginning(incomplete: str, found: Iterable[str]) -> list[str]:
    return sorted(each for each in found if each.startswith(incomplete))[:MOST]


def _paths(incomplete: str, suffixes: tuple[str, ...]) -> list[str]:
    """Return folders, and files with one of these suffixes, whose path begins with the incomplete one."""
    folder, _, begin = incomplete.rpartition("/")
    parent = Path(folder or ("/" if incomplete.startswith("/") else "."))
    prefix = incomplete[: len(incomplete) - len(begin)]
    try:
        entries = sorted(parent.iterdir())
    except OSError:
        return []
    names = (f"{prefix}{each.name}{'/' if each.is_dir() else ''}" for each in entries if each.name.startswith(begin))
    shown = (name for name in names if name.endswith(("/", *suffixes)))
    return [name for name in shown if begin.startswith(".") or not name.removeprefix(prefix).startswith(".")][:MOST]
