"""Users of the default service, who classify pictures. It also runs with `locust -f examples/locust/load.py`."""

import csv
import os
from pathlib import Path
from random import choice

from locust import FastHttpUser, between, tag, task

# Each row is a picture of 8 x 8 pixels.
with (Path(__file__).parent / "digits.csv").open() as rows:
    PICTURES = [[int(pixel) for pixel in row] for row in csv.reader(rows)]


class Reader(FastHttpUser):
    """Classifies one picture, and sometimes a batch of three in a row."""

    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        self.marked = {"x-client": os.environ.get("CLIENT", "example")}

    @tag("single")
    @task(9)
    def one(self) -> None:
        self.classify("one")

    @task(1)
    def batch(self) -> None:
        for _ in range(3):
            self.classify("batch")

    def classify(self, name: str) -> None:
        picture = choice(PICTURES)  # noqa: S311 - no secret
        with self.rest("POST", "/predict", json={"image": picture}, headers=self.marked, name=name) as response:
            if response.js is not None and not response.js.get("predictions"):
                response.failure("no prediction")
