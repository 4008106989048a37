"""The HTML in a real browser: charts are drawn, nothing is asked for, nothing is complained about."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.results import StudyDirectory
from report import build
from tests.builders import study

# Without these a browser looks for its maker's hosts and for a screen.
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=8000",
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = StudyDirectory(tmp_path_factory.mktemp("browser") / "study-0123abcd")
    build.write(study(directory, {(1, 100): [95, 96, 94], (2, 100): [180, 183, 179], (3, 100): [250, 255, 251]}))
    return directory.path / "report.html"


def browse(page: Path, *more: str) -> subprocess.CompletedProcess[str]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "no Chromium on this machine: `make setup` installs it on Debian and Ubuntu"
    profile = f"--user-data-dir={page.parent / 'profile'}"
    return subprocess.run(
        [chromium, *QUIET, profile, *more, page.as_uri()], capture_output=True, text=True, check=True, timeout=120
    )


def test_charts_are_drawn_and_the_console_stays_empty(page: Path) -> None:
    seen = browse(page, "--dump-dom")
    assert "CONSOLE" not in seen.stderr, [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
    for name in ("headline", "gains", "series"):
        chart = seen.stdout.split(f'id="chart-{name}"')[1].split("<figcaption>")[0]
        assert "<svg" in chart, name
        assert chart.count("<path") > 5, name
