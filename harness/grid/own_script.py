"""Your Locust script as the traffic of a grid. Frozen types; harness/traffic/script_files.py reads the files."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field, field_validator

from harness.grid.bodies import unset
from harness.grid.types import GridPart
from harness.words import nearest, short

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LARGEST_SOURCE = 2_000_000  # bytes of a Python file: parsing takes seconds and hundreds of times the memory
RESERVED = ("STUDY_", "LOCUST_", "PYTHON")  # of the load generator's own process
# A plain requirement: a name with extras, versions and a marker. Options and files need more than the script's image.
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\s*\[[^\]]*\])?\s*([<>=!~(].*|;.*)?")


def _no_value(value: object) -> bool:
    return unset(value) or value == ()


class LocustScript(GridPart):
    """The keys of `traffic` for your Locust script, which runs unmodified."""

    locustfile: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="your Locust script, relative to the grid file; its folder goes with it. With `vusers` only",
        exclude_if=unset,
    )
    requirements: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="requirements file of `locustfile`, relative to the grid file", exclude_if=unset
    )
    users: tuple[str, ...] = Field(
        default=(), description="user classes of `locustfile` that run; all of them if unset", exclude_if=_no_value
    )
    tags: tuple[str, ...] = Field(
        default=(),
        description="with `locustfile`: only tasks with one of these tags run, as with `--tags`",
        exclude_if=_no_value,
    )
    exclude_tags: tuple[str, ...] = Field(
        default=(), description="with `locustfile`: tasks with one of these tags do not run", exclude_if=_no_value
    )
    env: dict[str, str] = Field(
        default={},
        description="environment variable of `locustfile` → value, which may have `${secret.NAME}`",
        exclude_if=unset,
    )

    @field_validator("env", mode="before")
    @classmethod
    def _as_text(cls, env: object) -> object:
        if not isinstance(env, dict):
            return env
        return {name: str(value) if isinstance(value, int | float) else value for name, value in env.items()}

    @field_validator("env")
    @classmethod
    def _is_usable(cls, env: dict[str, str]) -> dict[str, str]:
        for name in env:
            if not _VARIABLE.fullmatch(name) or name.startswith(RESERVED):
                words = f"not {', '.join(f'{each}…' for each in RESERVED)}"
                raise ValueError(f"got {short(name)}. Allowed: names of environment variables, {words}")
        return env

    @property
    def script_keys(self) -> list[str]:
        """The keys that are set and only valid with `locustfile`."""
        keys = ("requirements", "users", "tags", "exclude_tags", "env")
        return [key for key in keys if getattr(self, key)]


@dataclass(frozen=True, kw_only=True)
class ScriptFiles:
    """The script with the files of its folder: `files` are path relative to `folder` → content.

    `folder` is relative to the grid file, `requirements` the text of the requirements file, empty without one.
    """

    folder: str
    entry: str
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    requirements: str = ""

    def shown(self, file: str) -> str:
        """Path of one of the files as it is written relative to the grid file."""
        return file if self.folder == "." else f"{self.folder}/{file}"


def syntax_error(name: str, content: bytes) -> str:
    """Return `name:line: message` for a file that is not Python, or too large; empty for a usable one."""
    if len(content) > LARGEST_SOURCE:
        return (
            f"{name}:1: got {len(content):,} bytes of Python. Allowed: {LARGEST_SOURCE:,}. Fix: read data from a file"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python about an escape sequence, for example
            ast.parse(content, name)
    except SyntaxError as error:
        return f"{name}:{error.lineno or 1}: not Python: {error.msg}"
    except (RecursionError, MemoryError):  # Python's parser raises either one
        return f"{name}:1: not Python: nested too deeply"
    except ValueError as error:
        return f"{name}:1: not Python: {error}"
    return ""


def missing_users(script: LocustScript, content: bytes) -> list[tuple[int, str]]:
    """Return (place in `users`, message) for each class that a script cannot have.

    A script that imports names with `*` may have any class.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(content)
    if any(isinstance(each, ast.ImportFrom) and each.names[0].name == "*" for each in ast.walk(tree)):
        return []
    found = [each.name for each in ast.walk(tree) if isinstance(each, ast.ClassDef)]
    found += [
        alias.asname or alias.name
        for each in ast.walk(tree)
        if isinstance(each, ast.ImportFrom)
        for alias in each.names
    ]
    names = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    return [
        (place, f"got {short(name)}: the script has no such class{nearest(name, found)}")
        for place, name in enumerate(script.users)
        if name not in {*found, *names}
    ]


def wrong_requirements(name: str, text: str) -> list[str]:
    """Return `name:line: message` for each line that is not a plain requirement."""
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        requirement = re.sub(r"(^|\s)#.*", "", line).strip()
        if requirement and not _REQUIREMENT.fullmatch(requirement):
            words = "Allowed: a package with versions, as in faker==30.1; options and files are not supported"
            problems.append(f"{name}:{number}: got {short(requirement)}. {words}")
    return problems
