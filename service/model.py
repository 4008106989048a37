"""The classifier: digits from images, without HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

PIXELS = 64  # 8 × 8 greyscale: the format of scikit-learn's digits
BRIGHTEST = 16


@dataclass(frozen=True)
class Prediction:
    """A digit (0–9) and the model's probability for it (0–1)."""

    label: int
    confidence: float


class DigitClassifier:
    """A trained ONNX classifier that runs on one thread.

    A study scales servers. With one thread per core, one server would behave like several.
    """

    def __init__(self, path: Path) -> None:
        """Load the model; raises FileNotFoundError if `path` does not exist."""
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such model. Fix: train one with python -m service.train")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def predict(self, images: Sequence[Sequence[float]]) -> list[Prediction]:
        """Classify images of shape (n, 64) with values 0–16; return n predictions in the same order."""
        batch = np.asarray(images, dtype=np.float32).reshape(-1, PIXELS) / BRIGHTEST
        _, probabilities = self._session.run(None, {self._input: batch})
        labels = probabilities.argmax(axis=1)
        return [
            Prediction(int(label), round(float(row[label]), 4))
            for label, row in zip(labels, probabilities, strict=True)
        ]
