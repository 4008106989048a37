"""Which container engine is meant, decided as the docker command does: DOCKER_HOST, DOCKER_CONTEXT, currentContext.

The docker command reads all three, Docker's SDK and Ansible's modules only DOCKER_HOST: what is found is put there, so
that all of them use one engine. Docker's SDK has a reader of contexts of its own, which ignores DOCKER_CONTEXT.
Standard library only, and no syntax newer than 3.8: `harness.bootstrap` uses it before there is an environment.
"""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

# Where Docker Desktop, Colima, OrbStack and Rancher Desktop put their engine's socket, below a user's home.
SOCKETS = (".docker/run/docker.sock", ".colima/default/docker.sock", ".orbstack/run/docker.sock", ".rd/docker.sock")


def variables(environ: "Mapping[str, str]", home: Path) -> "dict[str, str]":
    """The variables to set for the selected context; empty where DOCKER_HOST is set, or the default context selected.

    Raises ValueError, with the fix, when the context is not there or cannot be read.
    """
    folder = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
    name, source = selected(environ, folder)
    if not name:
        return {}
    key = hashlib.sha256(name.encode()).hexdigest()
    file = folder / "contexts" / "meta" / key / "meta.json"
    fix = f"Fix: choose one that 'docker context ls' lists, or the default one: {reset(source)}."
    try:
        endpoint = json.loads(file.read_text(encoding="utf-8"))["Endpoints"]["docker"]
        found = {"DOCKER_HOST": str(endpoint["Host"])}
    except FileNotFoundError:
        raise ValueError(f"{source}: there is no Docker context {name!r} in {folder}. {fix}") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise ValueError(f"{source}: the Docker context {name!r} cannot be read ({file}). {fix}") from None
    certificates = folder / "contexts" / "tls" / key / "docker"
    if certificates.is_dir():
        found["DOCKER_CERT_PATH"] = str(certificates)
        found["DOCKER_TLS" if endpoint.get("SkipTLSVerify") else "DOCKER_TLS_VERIFY"] = "1"
    return found


def selected(environ: "Mapping[str, str]", folder: Path) -> "tuple[str, str]":
    """The selected context's name, empty for the default one, and what selects it."""
    if environ.get("DOCKER_HOST"):
        return "", "DOCKER_HOST"
    name, source = environ.get("DOCKER_CONTEXT", ""), "DOCKER_CONTEXT"
    if not name:
        source = str(folder / "config.json")
        with contextlib.suppress(OSError, ValueError, AttributeError):  # the docker command ignores a damaged one, too
            name = str(json.loads(Path(source).read_text(encoding="utf-8")).get("currentContext") or "")
    return "" if name == "default" else name, source


def reset(source: str) -> str:
    """The command that selects the default context again."""
    return "unset DOCKER_CONTEXT" if source == "DOCKER_CONTEXT" else "docker context use default"


def settle(environ: "MutableMapping[str, str]", system: str, home: Path, usual: Path) -> None:
    """Set DOCKER_HOST for this process and those it starts; `usual` is where an engine's socket is without it.

    A context that cannot be used changes nothing: commands that need an engine report it.
    """
    with contextlib.suppress(ValueError):
        environ.update(variables(environ, home))
        sockets = [home / socket for socket in SOCKETS if (home / socket).exists()]
        if system == "darwin" and sockets and not usual.exists():
            environ.setdefault("DOCKER_HOST", f"unix://{sockets[0]}")
