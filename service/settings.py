"""Settings of the service, read once from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service.pace import Pace


@dataclass(frozen=True)
class Settings:
    """What the environment may set.

    `model_path` is an ONNX file; `max_batch` is the largest number of images in one request; `pace` is what
    each process is held to, None for as fast as it can.
    """

    model_path: Path = Path("/opt/model/digits.onnx")
    max_batch: int = 64
    pace: Pace | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read `SERVICE_MODEL_PATH`, `SERVICE_MAX_BATCH` and what `pace_of` reads.

        Raises ValueError naming the variable when a value is not usable.
        """
        batch = environ.get("SERVICE_MAX_BATCH", str(cls.max_batch))
        if not batch.isdecimal() or int(batch) < 1:
            raise ValueError(f"SERVICE_MAX_BATCH is {batch!r}: set it to a whole number from 1 on")
        return cls(
            model_path=Path(environ.get("SERVICE_MODEL_PATH", str(cls.model_path))),
            max_batch=int(batch),
            pace=pace_of(environ),
        )


def pace_of(environ: Mapping[str, str], rate: str = "", time: str = "50ms") -> Pace | None:
    """The pace of one process: `SERVICE_RATE` (all processes, as in 140/s) and `SERVICE_TIME` (as in 50ms).

    In slow motion (`SERVICE_TIME_SCALING`, a factor from 1 on) the rate is lower and the time longer by that
    factor. `rate` and `time` hold where the environment sets none; without a rate nothing is held back.
    Raises ValueError naming the variable when a value is not usable.
    """
    rate, time = environ.get("SERVICE_RATE") or rate, environ.get("SERVICE_TIME") or time
    if not rate:
        return None
    per_s = _amount("SERVICE_RATE", rate, {"/s": 1.0}, "140/s")
    service_s = _amount("SERVICE_TIME", time, {"ms": 0.001, "s": 1.0}, "50ms")
    factor = _amount("SERVICE_TIME_SCALING", environ.get("SERVICE_TIME_SCALING") or "1", {"": 1.0}, "2")
    workers = _amount("SERVICE_WORKERS", environ.get("SERVICE_WORKERS") or "1", {"": 1.0}, "1")
    return Pace.of(per_s / workers / factor, service_s * factor)


def _amount(name: str, text: str, units: Mapping[str, float], example: str) -> float:
    """A positive number with its unit."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(\D*)", text.strip())
    if found is None or found[2] not in units or not float(found[1]):
        raise ValueError(f"{name} is {text!r}: set it to a number above 0, as in {example}")
    return float(found[1]) * units[found[2]]
