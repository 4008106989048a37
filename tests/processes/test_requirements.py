"""Every requirement has a wheel for both architectures, so that no host compiles packages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IN_IMAGES = ("service/requirements", "service/requirements-train", "roles/locust/files/image/requirements")
IN_ENVIRONMENTS = ("requirements/run", "requirements/dev")
LINUX = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28")
MAC = "aarch64-apple-darwin"


def uv(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the locked uv, which queries the package index and downloads no wheel."""
    return subprocess.run(
        [Path(sys.executable).with_name("uv"), "--native-tls", "pip", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"},
    )


def resolved(requirements: Path, platform: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Resolve a lock file to wheels for a platform; the output names packages without a wheel."""
    return uv(
        "install", "--dry-run", "--only-binary=:all:", "--no-deps", "--require-hashes", "--python-version=3.11",
        f"--python-platform={platform}", "--target", folder, "--requirement", requirements,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "platform"),
    [(name, platform) for name in IN_IMAGES for platform in LINUX]  # an image contains Linux, on macOS too
    + [(name, platform) for name in IN_ENVIRONMENTS for platform in (*LINUX, MAC)],
)
def test_every_requirement_has_a_wheel(name: str, platform: str, tmp_path: Path) -> None:
    done = resolved(ROOT / f"{name}.txt", platform, tmp_path / "target")
    assert done.returncode == 0, done.stderr
    locked = [
        line for line in (ROOT / f"{name}.txt").read_text().splitlines() if line[:1].isalnum() and ";" not in line
    ]
    assert done.stderr.count("\n + ") >= len(locked) > 0


def test_a_package_without_a_wheel_for_an_architecture_is_found(tmp_path: Path) -> None:
    """An earlier requirement of the load generator's image."""
    (tmp_path / "requirements.txt").write_text(
        "hdrhistogram==0.10.8 --hash=sha256:107c36bb0ab43adedf93585ec438ce513598f159c29cf203f49f66f33e4072b6\n"
    )
    x86, arm = (resolved(tmp_path / "requirements.txt", platform, tmp_path / "target") for platform in LINUX)
    assert "no usable wheels" in arm.stderr
    assert arm.returncode != 0
    assert "no usable wheels" not in x86.stderr


@pytest.mark.parametrize("name", IN_IMAGES)
def test_both_architectures_need_the_same_packages(name: str, tmp_path: Path) -> None:
    """`make lock` resolves for one architecture, and pip uses the same file for the other."""
    for platform in LINUX:
        output = tmp_path / platform
        output.write_text((ROOT / f"{name}.txt").read_text())
        done = uv(
            "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate", "--python-version=3.11",
            f"--python-platform={platform}", "--output-file", output, f"{name}.in",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert (tmp_path / LINUX[0]).read_text() == (tmp_path / LINUX[1]).read_text()
    locked = [line for line in (ROOT / f"{name}.txt").read_text().splitlines() if not line.lstrip().startswith("#")]
    assert (tmp_path / LINUX[0]).read_text().splitlines() == locked
