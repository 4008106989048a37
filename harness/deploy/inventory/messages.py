"""Messages about lines of an inventory; shorten those of Ansible and its plugins, and add a fix. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# Messages of plugins that could not connect: nothing in a file is wrong.
UNREACHABLE = (
    r"Could not connect to the endpoint|ConnectTimeout|Connect timeout|Read timeout|Failed to import the required"
)
# (pattern of a plugin's message, fix)
FIXES = (
    (
        r"Unable to locate credentials|NoCredentials|partial credentials|InvalidClientTokenId|AuthFailure|ExpiredToken|"
        r"UnrecognizedClient|could not be found.*profile|config profile",
        "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to an account that AWS accepts; "
        "'aws sts get-caller-identity' tests it",
    ),
    (r"specify a region|NoRegion|[Rr]egion", "write 'regions: [eu-central-1]' with the region of your machines"),
    (
        r"UnauthorizedOperation|AccessDenied",
        "allow the account ec2:DescribeInstances; docs/how-to/ec2.md has the policy",
    ),
)
_TYPES = {
    "List": "list",
    "Str": "text",
    "Int": "number",
    "Float": "number",
    "str": "text",
    "int": "number",
    "bool": "boolean",
}


@dataclass(frozen=True, order=True)
class FileLine:
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Located:
    """A message about a line of a file."""

    place: FileLine
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def in_one_line(reasons: list[dict[str, Any]]) -> str:
    """The messages of several reasons, each once, in one line, without names of Ansible's own classes."""
    message = ": ".join(dict.fromkeys(" ".join(reason["words"].split()).rstrip(".:") for reason in reasons))
    return re.sub(
        r"\"?<class '[\w.]*?(?:_AnsibleTagged)?(\w+)'>\"?",
        lambda found: "a " + _TYPES.get(found[1], found[1]),
        message,
    )


def undefined_variables(message: str) -> frozenset[str]:
    """Return the variables that a message of Ansible calls undefined."""
    return frozenset(re.findall(r"'([^']*)' is undefined", message))


def template_fix(message: str, *, out_of_memory: bool) -> str:
    """The fix for a template that Ansible cannot resolve."""
    if out_of_memory:
        return "write a smaller value"
    if "undefined" in message or "has no attribute" in message:
        return "define it there or in group_vars, or write the value itself"
    return "write a template in quotes, as in '{{ name }}'"
