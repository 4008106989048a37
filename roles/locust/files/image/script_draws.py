"""Random draws of your Locust script: each greenlet of a user has a sequence of its own. No Locust here."""

from __future__ import annotations

import functools
import random
import sys
from typing import Any

from gevent import getcurrent

_RANDOM = (
    "betavariate",
    "choice",
    "choices",
    "expovariate",
    "gammavariate",
    "gauss",
    "getrandbits",
    "getstate",
    "lognormvariate",
    "normalvariate",
    "paretovariate",
    "randbytes",
    "randint",
    "random",
    "randrange",
    "sample",
    "seed",
    "setstate",
    "shuffle",
    "triangular",
    "uniform",
    "vonmisesvariate",
    "weibullvariate",
)
_nobody = random.Random(0)  # noqa: S311 - draws outside of users, no secret


def _drawing(name: str) -> Any:
    method = getattr(random.Random, name)

    @functools.wraps(method)
    def draw(*args: Any, **kwargs: Any) -> Any:
        return method(getattr(getcurrent(), "study_random", None) or _nobody, *args, **kwargs)

    return draw


def install() -> None:
    """Replace the functions of Python's module random."""
    for name in _RANDOM:
        setattr(random, name, _drawing(name))


def reset(seed: str, worker: int) -> None:
    """Seed the draws outside of users, such as those of a script's import."""
    _nobody.seed(f"{seed}/worker/{worker}")
    sys.modules["random"]._inst = _nobody  # type: ignore[attr-defined] # some libraries use it
