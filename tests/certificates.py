"""Certificates with their keys, made by OpenSSL."""

from __future__ import annotations

import subprocess
from pathlib import Path


def openssl(*arguments: str | Path) -> str:
    """Run a command of openssl; return its output."""
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def self_signed(folder: Path, name: str = "shop", names: str = "DNS:shop.example,IP:10.0.0.1") -> tuple[Path, Path]:
    """Make a certificate for these names that no authority signed; return its path and that of its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    extensions = ("-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE")
    openssl(
        "req", "-x509", *kind, "-subj", "/CN=shop.example", *extensions, "-keyout", key, "-out", certificate
    )  # fmt: skip
    return certificate, key
