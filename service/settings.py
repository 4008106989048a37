"""Settings of the service, read once from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service.database import DatabaseSettings
from service.pace import Pace

PASSWORD = "open-sesame"  # noqa: S105 - of the demonstration, known to everyone


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings from the environment.

    `model_path` is an ONNX file; `max_batch` is the largest number of images per request; `pace` is the pace of each
    process, None without pacing. `password` is that of every user: a demonstration, which protects nothing. `database`
    is a database that every prediction uses, None without one.
    """

    model_path: Path = Path("/opt/model/digits.onnx")
    max_batch: int = 64
    pace: Pace | None = None
    password: str = PASSWORD
    database: DatabaseSettings | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read `SERVICE_MODEL_PATH`, `SERVICE_MAX_BATCH`, `DEMO_PASSWORD`, and what `pace_of` and `database_of` read.

        Raises ValueError with the variable's name for an invalid value.
        """
        batch = environ.get("SERVICE_MAX_BATCH", str(cls.max_batch))
        if not batch.isdecimal() or int(batch) < 1:
            raise ValueError(f"SERVICE_MAX_BATCH is not a positive whole number (got {batch!r}).")
        return cls(
            model_path=Path(environ.get("SERVICE_MODEL_PATH", str(cls.model_path))),
            max_batch=int(batch),
            pace=pace_of(environ),
            password=environ.get("DEMO_PASSWORD") or PASSWORD,
            database=database_of(environ),
        )


def pace_of(environ: Mapping[str, str], rate: str = "", time: str = "50ms") -> Pace | None:
    """Return the pace of one process from `SERVICE_RATE` (of all processes, e.g. 140/s) and `SERVICE_TIME` (e.g. 50ms).

    The time-scaling factor `SERVICE_TIME_SCALING` (at least 1) divides the rate and multiplies the time. `rate` and
    `time` are the defaults; without a rate the result is None. Raises ValueError with the variable's name for an
    invalid value.
    """
    rate, time = environ.get("SERVICE_RATE") or rate, environ.get("SERVICE_TIME") or time
    if not rate:
        return None
    per_s = _amount("SERVICE_RATE", rate, {"/s": 1.0}, "140/s")
    service_s = _amount("SERVICE_TIME", time, {"ms": 0.001, "s": 1.0}, "50ms")
    factor = _factor(environ)
    workers = _amount("SERVICE_WORKERS", environ.get("SERVICE_WORKERS") or "1", {"": 1.0}, "1")
    return Pace.of(per_s / workers / factor, service_s * factor)


def database_of(environ: Mapping[str, str]) -> DatabaseSettings | None:
    """Return the database at `DATABASE_URL`: each prediction holds a connection for `DATABASE_HOLD` (default 50ms).

    `DATABASE_CONNECTIONS` (default 64) limits the connections of one process. The time-scaling factor multiplies the
    time. Without a URL the result is None. Raises ValueError with the variable's name for an invalid value.
    """
    url = environ.get("DATABASE_URL")
    if not url:
        return None
    hold_s = _amount("DATABASE_HOLD", environ.get("DATABASE_HOLD") or "50ms", {"ms": 0.001, "s": 1.0}, "50ms")
    most = environ.get("DATABASE_CONNECTIONS") or "64"
    if not most.isdecimal() or int(most) < 1:
        raise ValueError(f"DATABASE_CONNECTIONS is not a positive whole number (got {most!r}).")
    return DatabaseSettings(url=url, hold_s=hold_s * _factor(environ), connections=int(most))


def _factor(environ: Mapping[str, str]) -> float:
    return _amount("SERVICE_TIME_SCALING", environ.get("SERVICE_TIME_SCALING") or "1", {"": 1.0}, "2")


def _amount(name: str, text: str, units: Mapping[str, float], example: str) -> float:
    """Parse a positive number with its unit."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(\D*)", text.strip())
    if found is None or found[2] not in units or not float(found[1]):
        raise ValueError(
            f"{name} is not a positive number with its unit (got {text!r}). Allowed: for example {example}."
        )
    return float(found[1]) * units[found[2]]
