"""What Ansible and its plugins say about an inventory, in fewer words and with what to do. Pure."""

from __future__ import annotations

import re
from typing import Any

ELSEWHERE = (
    r"Could not connect to the endpoint|ConnectTimeout|Connect timeout|Read timeout|Failed to import the required"
)
# Words of plugins about what the machine or the configuration lacks, and what to do about it.
MENDS = (
    (
        r"Unable to locate credentials|NoCredentials|partial credentials|InvalidClientTokenId|AuthFailure|ExpiredToken|"
        r"UnrecognizedClient|could not be found.*profile|config profile",
        "give an account that AWS accepts: AWS_PROFILE=NAME, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
        "'aws sts get-caller-identity' tries it",
    ),
    (r"specify a region|NoRegion|[Rr]egion", "write 'regions: [eu-central-1]' with the region of your machines"),
    (
        r"UnauthorizedOperation|AccessDenied",
        "the account needs ec2:DescribeInstances (docs/how-to/ec2.md has the policy)",
    ),
)


def in_one(reasons: list[dict[str, Any]]) -> str:
    """The words of several reasons, each once, in one line, without names of Ansible's own classes."""
    told = ": ".join(dict.fromkeys(" ".join(reason["words"].split()).rstrip(".:") for reason in reasons))
    return re.sub(
        r"\"?<class '[\w.]*?(?:_AnsibleTagged)?(\w+)'>\"?", lambda found: "a " + TYPES.get(found[1], found[1]), told
    )


TYPES = {
    "List": "list",
    "Str": "text",
    "Int": "number",
    "Float": "number",
    "str": "text",
    "int": "number",
    "bool": "boolean",
}


def todo(words: str) -> str:
    """What to do about a template that cannot be resolved."""
    if words == "out of memory":
        return "write a smaller value"
    if "undefined" in words or "has no attribute" in words:
        return "define it there or in group_vars, or write the value itself"
    return "a template is written as in '{{ name }}', quotes around it"
