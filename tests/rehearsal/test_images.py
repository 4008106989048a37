"""Images on their way to the machines: only what differs, through a registry by digest, or built there."""

import datetime
import ipaddress
import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.reach import Reach
from tests.integration.conftest import changed
from tests.rehearsal.conftest import Fleet, play

DISTRIBUTE = "playbooks/distribute-images.yml"
PASSWORD = "correct-horse-battery"  # noqa: S105 - of a registry that lives as long as this test

pytestmark = pytest.mark.beside


@dataclass(frozen=True)
class Registry:
    address: str
    certificate: Path
    log: Path


def certify(folder: Path, address: str) -> tuple[Path, Path]:
    """A certificate of its own for an address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "scale-out test registry")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "registry.crt", folder / "registry.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


@pytest.fixture
def registry(deployed_fleet: Fleet, tmp_path: Path) -> Iterator[Registry]:
    """Debian's docker-registry with TLS and an account, where the machines reach it."""
    address = str(deployed_fleet.host("balancer").need("private_ip")).rsplit(".", 1)[0] + ".1"
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    certificate, private = certify(tmp_path, address)
    (tmp_path / "htpasswd").write_text(f"tester:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()}\n")
    (tmp_path / "config.yml").write_text(
        f"""version: 0.1
log: {{level: info}}
storage: {{filesystem: {{rootdirectory: {tmp_path}/data}}, delete: {{enabled: true}}}}
http: {{addr: "{address}:{port}", tls: {{certificate: {certificate}, key: {private}}}}}
auth: {{htpasswd: {{realm: test, path: {tmp_path}/htpasswd}}}}
"""
    )
    log = tmp_path / "registry.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            ["docker-registry", "serve", str(tmp_path / "config.yml")], stdout=output, stderr=output
        )
    for _ in range(100):
        try:
            socket.create_connection((address, port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield Registry(f"{address}:{port}", certificate, log)
    server.terminate()
    server.wait()
    engine = deployed_fleet.engine
    for image in engine.images.list():
        for tag in image.tags:
            if tag.startswith(f"{address}:{port}/"):
                engine.images.remove(tag)
    trusted = Path("/etc/docker/certs.d") / f"{address}:{port}"
    if trusted.exists():
        (trusted / "ca.crt").unlink()
        trusted.rmdir()


def test_an_image_is_copied_only_when_its_digest_differs(deployed_fleet: Fleet, reach: Reach) -> None:
    assert changed(play(DISTRIBUTE).stdout) == 0
    server = deployed_fleet.host("server-3")
    image = str(server.variables["ml_server_image"])
    engine = reach.docker(server)
    engine.containers.get("ml-server").remove(force=True)
    engine.images.remove(image)
    before = engine.images.list(name=image)
    done = play(DISTRIBUTE)
    assert before == []
    assert "changed: [server-3]" in done.stdout
    assert "changed: [server-1]" not in done.stdout
    assert engine.images.get(image).id == deployed_fleet.engine.images.get(image).id
    assert "No such file" in deployed_fleet.on("server-3", "ls /var/tmp/*.tar.gz", check=False)
    play("playbooks/deploy-servers.yml")


def test_images_go_through_a_registry_by_digest(deployed_fleet: Fleet, reach: Reach, registry: Registry) -> None:
    variables = {
        "images_distribution": "registry",
        "images_registry": f"{registry.address}/mine",
        "image_distribution_registry_username": "tester",
        "image_distribution_registry_password": PASSWORD,
        "image_distribution_registry_ca": str(registry.certificate),
    }
    extra = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    done = play(DISTRIBUTE, "-v", *extra)
    said = "\n".join(line for line in done.stdout.splitlines() if "ansible-playbook" not in line)
    assert PASSWORD not in said
    for name, image in (("server-1", "ml_server_image"), ("balancer", "nginx_lb_image")):
        host = deployed_fleet.host(name)
        digests = reach.docker(host).images.get(str(host.variables[image])).attrs["RepoDigests"]
        assert any(digest.startswith(f"{registry.address}/mine/scale-out/") for digest in digests), digests
        assert deployed_fleet.on(name, "ls /root/.docker/config.json /tmp/registry-* 2>/dev/null", check=False) == ""
    assert "/manifests/sha256:" in registry.log.read_text()
    assert (
        not (Path.home() / ".docker" / "config.json").exists()
        or registry.address not in (Path.home() / ".docker" / "config.json").read_text()
    )
    assert changed(play(DISTRIBUTE, *extra).stdout) == 0


def test_a_registry_that_is_not_named_is_asked_for(deployed_fleet: Fleet) -> None:
    assert deployed_fleet
    done = play(DISTRIBUTE, "-e", "images_distribution=registry", check=False)
    assert done.returncode != 0
    assert "set image_distribution_registry to host:port/prefix" in " ".join(done.stdout.split())


@pytest.mark.long
def test_a_host_builds_for_itself(deployed_fleet: Fleet, reach: Reach) -> None:
    """With wheels from the controller; the base is given to it, which saves the time to bootstrap one."""
    host = deployed_fleet.host("generator")
    found = deployed_fleet.engine.images.list(name="scale-out/base")
    found.sort(key=lambda image: str(image.attrs["Created"]))
    base = [tag for image in found for tag in image.tags if re.fullmatch(r"scale-out/base:[0-9a-f]{12}", tag)][-1]
    there = ["--limit", "generator,localhost"]
    play(DISTRIBUTE, "-e", json.dumps({"image_distribution_images": [base]}), *there)
    image = f"scale-out/built-there:{os.getpid()}"
    variables = {"images_distribution": "build", "study_locust_image": image, "base_image_name": base}
    play(DISTRIBUTE, "-e", json.dumps(variables), *there)
    built = reach.docker(host).images.get(image)
    assert "/opt/study" in str(built.attrs["Config"]["WorkingDir"])
    assert reach.docker(host).containers.run(image, ["python3", "-m", "locust", "--version"], remove=True)
    reach.docker(host).images.remove(image)
