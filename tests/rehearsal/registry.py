"""A test registry: Debian's docker-registry with TLS and an account, and helpers for a user's own images."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import io
import ipaddress
import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import docker
import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "tester", "correct-horse-battery"  # of a registry that only exists during its tests
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"


@dataclass(frozen=True)
class Registry:
    """A running registry with its address, certificate and access log."""

    address: str
    certificate: Path
    log: Path
    engine: docker.DockerClient

    def requests(self, pattern: str) -> list[str]:
        """Return successful requests that match a pattern, as "client, method and path, status" from the access log."""
        lines = re.findall(r'^(\S+) - .*?"([A-Z]+ \S+) HTTP/[0-9.]+" (2\d\d)', self.log.read_text(), re.M)
        return [" ".join(line) for line in lines if re.search(pattern, line[1])]

    def http(self) -> httpx.Client:
        """Return a client of the registry's API."""
        return httpx.Client(base_url=f"https://{self.address}/v2", auth=(USER, PASSWORD), verify=False)  # noqa: S501 - its certificate is made for engines

    def push(self, recipe: str, name: str) -> None:
        """Build an image on this machine, push it, and remove it locally."""
        whole = f"{self.address}/{name}"
        self.engine.images.build(fileobj=io.BytesIO(recipe.encode()), tag=whole, rm=True)
        response = self.engine.images.push(whole, auth_config={"username": USER, "password": PASSWORD})
        assert "error" not in response, response
        self.engine.images.remove(whole)

    def disguise(self, name: str, tag: str, architecture: str) -> None:
        """Change an image's architecture in its manifest, because this machine builds only its own architecture."""
        with self.http() as client:
            manifest = client.get(f"/{name}/manifests/{tag}", headers={"Accept": MANIFEST}).json()
            config = client.get(f"/{name}/blobs/{manifest['config']['digest']}").json()
            body = json.dumps({**config, "architecture": architecture}).encode()
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            upload = client.post(f"/{name}/blobs/uploads/").headers["Location"]
            client.put(upload, params={**httpx.URL(upload).params, "digest": digest}, content=body)
            manifest["config"].update(size=len(body), digest=digest)
            done = client.put(
                f"/{name}/manifests/{tag}", content=json.dumps(manifest), headers={"Content-Type": MANIFEST}
            )
        assert done.status_code == httpx.codes.CREATED, done.text

    def join(self, name: str, tag: str, tags: dict[str, str]) -> str:
        """Push a manifest list under one tag (`tags`: architecture → tag), and return its digest."""
        found: list[dict[str, Any]] = []
        with self.http() as client:
            for architecture, each in tags.items():
                response = client.get(f"/{name}/manifests/{each}", headers={"Accept": MANIFEST})
                found.append(
                    {
                        "mediaType": MANIFEST,
                        "size": len(response.content),
                        "digest": response.headers["Docker-Content-Digest"],
                        "platform": {"os": "linux", "architecture": architecture},
                    }
                )
            index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found})
            done = client.put(f"/{name}/manifests/{tag}", content=index, headers={"Content-Type": INDEX})
        assert done.status_code == httpx.codes.CREATED, done.text
        return done.headers["Docker-Content-Digest"]


def small_recipe(engine: docker.DockerClient) -> str:
    """Return the Dockerfile of an image with one small file, which is copied quickly."""
    return f"FROM {base_image(engine)} AS all\nFROM scratch\nCOPY --from=all /etc/debian_version /\nCMD /none\n"


def base_image(engine: docker.DockerClient) -> str:
    """Return the newest base image on this machine."""
    found = [image for image in engine.images.list(name="scale-out/base") if image.tags]
    return str(max(found, key=lambda image: str(image.attrs["Created"])).tags[0])


def certify(folder: Path, address: str) -> tuple[Path, Path]:
    """Create a self-signed certificate for an address, and its key."""
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


@contextlib.contextmanager
def serve(engine: docker.DockerClient, address: str, folder: Path) -> Iterator[Registry]:
    """Run a registry at an address that the rehearsal machines reach; this machine's engine trusts it meanwhile."""
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    certificate, private = certify(folder, address)
    (folder / "htpasswd").write_text(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()}\n")
    (folder / "config.yml").write_text(
        f"""version: 0.1
log: {{level: info}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: "{address}:{port}", tls: {{certificate: {certificate}, key: {private}}}}}
auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}
"""
    )
    log = folder / "registry.log"
    trusted = Path("/etc/docker/certs.d") / f"{address}:{port}"
    with log.open("wb") as output:
        server = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=output, stderr=output
        )
    trusted.mkdir(parents=True)
    (trusted / "ca.crt").write_bytes(certificate.read_bytes())
    try:
        for _ in range(100):
            try:
                socket.create_connection((address, port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield Registry(f"{address}:{port}", certificate, log, engine)
    finally:
        server.terminate()
        server.wait()
        for image in engine.images.list():
            for name in [*image.tags, *(image.attrs["RepoDigests"] or [])]:
                if name.startswith(f"{address}:{port}/"):
                    with contextlib.suppress(docker.errors.ImageNotFound):
                        engine.images.remove(name)
        (trusted / "ca.crt").unlink()
        trusted.rmdir()
