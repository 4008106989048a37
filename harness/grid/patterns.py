"""Regular expressions for responses, as the load generator's image reads them (patterns.py in roles/locust): RE2. Pure.

RE2 needs a time that is linear in the text. It has no lookaround and no backreferences.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import re2

from harness.words import short

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


@cache
def compiled(expression: str) -> Any:
    """Return the expression, whose `search` takes bytes in UTF-8; raises ValueError for an invalid one."""
    try:
        return re2.compile(expression, _OPTIONS)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if isinstance(error, re2.error) and error.args else str(error)
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        raise ValueError(
            f"got {short(expression)}: not a regular expression: {reason}. Allowed: the syntax of RE2, which has no "
            "lookaround and no backreferences"
        ) from None
