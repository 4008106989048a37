"""Regular expressions for responses (RE2): the time of a match is linear in the text. No Locust here.

Python's own module backtracks: (a+)+$ needs hours for 40 letters, and all users of a process would wait.
"""

from __future__ import annotations

from typing import Any

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def compiled(expression: str) -> Any:
    """The expression, whose `search` takes bytes in UTF-8; raises ValueError for an invalid one."""
    try:
        return re2.compile(expression, _OPTIONS)
    except (re2.error, UnicodeEncodeError) as error:
        raise ValueError(f"not a regular expression of RE2 (got {expression}): {error}") from None
