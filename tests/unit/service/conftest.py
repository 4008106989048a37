"""The trained model, once for all tests of the service."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from service.train import train  # loads scikit-learn, which takes more than a second in each process

    path = tmp_path_factory.mktemp("model") / "digits.onnx"
    assert train(path) > 0.95
    return path
