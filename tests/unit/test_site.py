"""The website builds without a warning, and loads nothing from elsewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = ("Tutorial", "How-to", "Reference", "Explanation", "Glossary")
# Resources that a browser loads automatically, without links.
LOADED = re.compile(r"""<(?:script|img|iframe)\b[^>]*\bsrc=["']?([^"'\s>]+)|<link\b[^>]*\bhref=["']?([^"'\s>]+)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("material") is None:
        pytest.skip("this environment is older than the lock; make setup renews it")
    made = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(made)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "https_proxy": "http://127.0.0.1:9", "http_proxy": ""},
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return made


def test_the_site_builds_strictly_and_has_every_section(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    for section in SECTIONS:
        assert section in home
    for page in ("reference/grid", "reference/cli", "reference/files", "reference/roles/nginx_lb", "project/security"):
        assert (site / f"{page}.html").is_file(), page


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if page.name != "sample-report.html"]
    assert len(pages) > 30
    for page in pages:
        loaded = ["".join(found) for found in LOADED.findall(page.read_text(encoding="utf-8"))]
        assert [each for each in loaded if "://" in each or each.startswith("//")] == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style
