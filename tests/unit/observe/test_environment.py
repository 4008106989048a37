"""Versions that a study records and its report prints."""

from harness.observe import environment
from harness.records.environment import Environment
from harness.summarise.summary import summarise_records
from report.sentences import method
from tests.builders import grid, study_record

LAYERS = ["sha256:" + "a" * 64, "sha256:" + "b" * 64]


def test_the_base_of_an_image_is_known_by_its_origin_and_its_files() -> None:
    """An image that was bootstrapped from packages has no digest of a registry."""
    built = {
        "Config": {"Labels": {"scale-out.base": "packages of bookworm on 2026-08-24"}},
        "RootFS": {"Layers": LAYERS},
    }
    assert environment.base_of(built) == f"packages of bookworm on 2026-08-24, files {LAYERS[0]}"
    assert environment.base_of({"Config": {"Labels": None}, "RootFS": {"Layers": LAYERS}}) == "", "your own image"
    assert environment.base_of({}) == ""


def test_the_report_has_each_base_once() -> None:
    base = f"packages of bookworm on 2026-08-24, files {LAYERS[0]}"
    images = {"balancer": "nginx:1", "server-1": "service:1"}
    shown = Environment(images=images, base_images=dict.fromkeys(images, base))
    made = study_record().model_copy(update={"environment": shown})
    facts = dict(method.facts(made, summarise_records(grid(), {}), {}))
    assert facts["Images"] == f"nginx:1, service:1; base: {base.replace('a' * 64, 'a' * 12)}"
