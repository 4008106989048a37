"""Train the classifier on scikit-learn's bundled digits and export it to ONNX.

`python -m service.train MODEL.onnx` runs while the image is built; needs no network.
"""

from __future__ import annotations

import sys
from pathlib import Path

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

SEED = 2024
LOWEST_ACCURACY = 0.95  # a model below this was trained on something else than we think


def train(path: Path) -> float:
    """Train, export to `path`, return the accuracy on held-out digits (0–1).

    Raises RuntimeError when the accuracy is below LOWEST_ACCURACY.
    """
    digits = load_digits()
    seen, held_out, seen_labels, held_out_labels = train_test_split(
        digits.data, digits.target, test_size=0.25, random_state=SEED, stratify=digits.target
    )
    forest = RandomForestClassifier(n_estimators=100, random_state=SEED).fit(seen, seen_labels)
    accuracy = float(forest.score(held_out, held_out_labels))
    if accuracy < LOWEST_ACCURACY:
        raise RuntimeError(f"held-out accuracy {accuracy:.3f} is below {LOWEST_ACCURACY}")
    model = to_onnx(
        forest,
        initial_types=[("images", FloatTensorType([None, digits.data.shape[1]]))],
        options={id(forest): {"zipmap": False}},  # probabilities as one array, not n dictionaries
        target_opset=17,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return accuracy


if __name__ == "__main__":
    sys.stdout.write(f"held-out accuracy {train(Path(sys.argv[1])):.3f}\n")
