"""Settings of the service, read once from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What the environment may set.

    `model_path` is an ONNX file; `max_batch` is the largest number of images in one request.
    """

    model_path: Path = Path("/opt/model/digits.onnx")
    max_batch: int = 64

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read `SERVICE_MODEL_PATH` and `SERVICE_MAX_BATCH`.

        Raises ValueError naming the variable when a value is not usable.
        """
        batch = environ.get("SERVICE_MAX_BATCH", str(cls.max_batch))
        if not batch.isdecimal() or int(batch) < 1:
            raise ValueError(f"SERVICE_MAX_BATCH is {batch!r}: set it to a whole number from 1 on")
        return cls(
            model_path=Path(environ.get("SERVICE_MODEL_PATH", str(cls.model_path))),
            max_batch=int(batch),
        )
