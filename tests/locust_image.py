"""Modules of the load generator's image (roles/locust/files/image) that run without Locust."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

IMAGE = Path(__file__).resolve().parents[1] / "roles" / "locust" / "files" / "image"


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, IMAGE / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # the modules import each other by these names
    spec.loader.exec_module(module)
    return module


# In the order in which they import each other.
NAMES = (
    *("tally", "digests", "recorder", "merging", "arrivals", "pacing", "gate", "load_spec"),
    *("patterns", "templates", "bodies", "choices", "extraction", "redirects", "compiled"),
)
tally, digests, recorder, merging, arrivals, pacing, gate, load_spec, *_more = map(_load, NAMES)
patterns, templates, bodies, choices, extraction, redirects, compiled = _more
