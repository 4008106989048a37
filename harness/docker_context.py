"""Select the container engine in the same way as the docker command: DOCKER_HOST, DOCKER_CONTEXT, currentContext.

The docker command reads all three, Docker's SDK and Ansible's modules only DOCKER_HOST. So the selected engine is
stored in DOCKER_HOST. The SDK's own support for contexts ignores DOCKER_CONTEXT. This module uses the standard library
alone and the syntax of Python 3.8, because `harness.bootstrap` imports it before the environment exists.
"""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

# Sockets of Docker Desktop, Colima, OrbStack and Rancher Desktop in a user's home directory.
SOCKETS = (".docker/run/docker.sock", ".colima/default/docker.sock", ".orbstack/run/docker.sock", ".rd/docker.sock")


def variables(environ: "Mapping[str, str]", home: Path) -> "dict[str, str]":
    """Environment variables for the selected context; empty if DOCKER_HOST is set or the default context is selected.

    Raises ValueError with a fix if the context does not exist or cannot be read.
    """
    folder = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
    name, source = selected(environ, folder)
    if not name:
        return {}
    key = hashlib.sha256(name.encode()).hexdigest()
    file = folder / "contexts" / "meta" / key / "meta.json"
    fix = f"Fix: select a context that 'docker context ls' lists, or the default one: {reset(source)}."
    try:
        endpoint = json.loads(file.read_text(encoding="utf-8"))["Endpoints"]["docker"]
        found = {"DOCKER_HOST": str(endpoint["Host"])}
    except FileNotFoundError:
        raise ValueError(f"{source}: no such Docker context in {folder} (got {name!r}). {fix}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"{source}: cannot read the Docker context ({file}, got {name!r}). {fix}") from None
    certificates = folder / "contexts" / "tls" / key / "docker"
    if certificates.is_dir():
        found["DOCKER_CERT_PATH"] = str(certificates)
        found["DOCKER_TLS" if endpoint.get("SkipTLSVerify") else "DOCKER_TLS_VERIFY"] = "1"
    return found


def selected(environ: "Mapping[str, str]", folder: Path) -> "tuple[str, str]":
    """(name of the selected context, empty for the default one; what selects it)."""
    if environ.get("DOCKER_HOST"):
        return "", "DOCKER_HOST"
    name, source = environ.get("DOCKER_CONTEXT", ""), "DOCKER_CONTEXT"
    if not name:
        source = str(folder / "config.json")
        with contextlib.suppress(OSError, ValueError, AttributeError):  # the docker command also ignores a damaged file
            name = str(json.loads(Path(source).read_text(encoding="utf-8")).get("currentContext") or "")
    return "" if name == "default" else name, source


def reset(source: str) -> str:
    """The command that selects the default context."""
    return "unset DOCKER_CONTEXT" if source == "DOCKER_CONTEXT" else "docker context use default"


def settle(environ: "MutableMapping[str, str]", system: str, home: Path, usual: Path) -> None:
    """Set DOCKER_HOST for this process and its children; `usual` is the default path of a container engine's socket.

    An unusable context changes nothing; commands that need a container engine report it.
    """
    with contextlib.suppress(ValueError):
        environ.update(variables(environ, home))
        sockets = [home / socket for socket in SOCKETS if (home / socket).exists()]
        if system == "darwin" and sockets and not usual.exists():
            environ.setdefault("DOCKER_HOST", f"unix://{sockets[0]}")
