"""Train the classifier on scikit-learn's bundled digits and export it to ONNX.

The image's build runs `python -m service.train MODEL.onnx`, which needs no network.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from service.model import BRIGHTEST

SEED = 2024
HIDDEN = (768, 768)  # about 100 µs per image on one core, so that the model takes most of a server's time
EPOCHS = 15
LOWEST_ACCURACY = 0.95  # a lower accuracy indicates wrong training data


def train(path: Path) -> float:
    """Train a model, export it to `path`, and return its accuracy on held-out digits (0–1).

    Raises RuntimeError if the accuracy is below LOWEST_ACCURACY.
    """
    digits = load_digits()
    seen, held_out, seen_labels, held_out_labels = train_test_split(
        (digits.data / BRIGHTEST).astype("float32"),
        digits.target,
        test_size=0.25,
        random_state=SEED,
        stratify=digits.target,
    )
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        # The fixed number of epochs is intended: it gives the same model everywhere.
        network = MLPClassifier(HIDDEN, max_iter=EPOCHS, random_state=SEED).fit(seen, seen_labels)
    accuracy = float(network.score(held_out, held_out_labels))
    if accuracy < LOWEST_ACCURACY:
        raise RuntimeError(f"held-out accuracy {accuracy:.3f} is below {LOWEST_ACCURACY}")
    model = to_onnx(
        network,
        initial_types=[("images", FloatTensorType([None, digits.data.shape[1]]))],
        options={id(network): {"zipmap": False}},  # probabilities as one array, not n dictionaries
        target_opset=17,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return accuracy


if __name__ == "__main__":
    sys.stdout.write(f"held-out accuracy {train(Path(sys.argv[1])):.3f}\n")
