"""Check your certificate and its key before the balancer gets them: the files, their dates and the host name."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.deploy import balancer_settings, tls
from harness.deploy.balancer_settings import BalancerSettings
from harness.deploy.inventory.hosts import Inventory, Url
from harness.grid.load_generators import BY_NAME
from harness.grid.schema import Grid
from harness.grid.yamldata import Path_
from harness.words import short

_VAULT = b"$ANSIBLE_VAULT;"
Problem = tuple[Path_, str]


def problems(grid: Grid, inventory: Inventory) -> list[Problem]:
    """(path in the grid, message) for each cell's certificate that clients would reject or the balancer cannot load."""
    found: dict[Problem, None] = {}
    for topology in grid.cells.topologies:
        settings = balancer_settings.of_levels(grid, topology.by_name, inventory.balancer_variables)
        if tls.is_on(settings):
            found |= dict.fromkeys(_of_cell(grid, inventory, topology.variables, settings))
    if grid.load.tls_verify and not BY_NAME[grid.load_generator].verifies_tls:
        shown = BY_NAME[grid.load_generator].shown
        found[("load", "tls_verify"), f"load.tls_verify: {shown} verifies no certificate. Fix: remove it"] = None
    return list(found)


def _of_cell(
    grid: Grid, inventory: Inventory, variables: Mapping[str, Any], settings: BalancerSettings
) -> Iterator[Problem]:
    balancer = settings.balancer
    certificate, key = (str(settings.own(name) or "") for name in (tls.CERTIFICATE, tls.KEY))
    if not certificate and not key:
        if grid.load.tls_verify:
            fix = f"Fix: remove it, or set {balancer.variable(tls.CERTIFICATE)}"
            words = f"a self-signed certificate cannot be verified. {fix}"
            yield ("load", "tls_verify"), f"load.tls_verify: {words}"
        return
    verified = tls.is_verified(grid, settings) and BY_NAME[grid.load_generator].verifies_tls
    name = tls.host_name(grid) or inventory.balancer.host_of(Url.TARGET)
    for ending, words in check(certificate, key, name if verified else ""):
        other = tls.KEY if ending == tls.CERTIFICATE else tls.CERTIFICATE
        variable = balancer.variable(ending)
        where, shown = _place(grid, inventory, (variable, balancer.variable(other)), variables)
        yield where, f"{shown}{variable}: {words}"


def _place(grid: Grid, inventory: Inventory, names: tuple[str, str], variables: Mapping[str, Any]) -> tuple[Path_, str]:
    """Where a variable is set: its path in the grid, and the words in front of its name."""
    for name in names:  # a missing one is reported at the other
        if name in variables:
            return ("factors", name), "factors: "
        if name in grid.vars:
            return ("vars", name), "vars: "
    return ("inventory",), f"host {inventory.balancer.name}: "


def check(certificate: str, key: str, name: str) -> Iterator[tuple[str, str]]:
    """(ending of the variable, message) for each problem of a certificate and its key.

    `name` is the host name that it must have.
    """
    missing = False
    for variable, file, what in ((tls.CERTIFICATE, certificate, "certificate"), (tls.KEY, key, "key")):
        if not file:
            missing = True
            yield variable, "not set, but the other file is. Allowed: both, or neither for a self-signed certificate"
        elif words := _unreadable(file):
            missing = True
            yield variable, f"{words} (got {short(file)}). Allowed: the absolute path of the {what} as a PEM file"
    if missing:
        return
    if Path(key).read_bytes().startswith(_VAULT):  # only Ansible can read it
        return
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        server.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError, OSError) as error:
        yield _unloadable(certificate, key, error)
        return
    if words := _rejected(server, Path(certificate).read_text(encoding="ascii", errors="replace"), name):
        yield tls.CERTIFICATE, words


def _unreadable(file: str) -> str:
    if not Path(file).is_absolute():
        return "not an absolute path"
    try:
        Path(file).read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def _unloadable(certificate: str, key: str, error: Exception) -> tuple[str, str]:
    """Which of both files is wrong, and why."""
    if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
        return tls.KEY, f"not the key of the certificate (got {short(key)}). Fix: give the key of {short(certificate)}"
    try:
        ssl.create_default_context().load_verify_locations(certificate)
    except (ssl.SSLError, OSError):
        return (
            tls.CERTIFICATE,
            f"not a certificate as PEM (got {short(certificate)}). Fix: convert it with openssl x509",
        )
    words = f"not a private key as PEM, or one with a password (got {short(key)})"
    return tls.KEY, f"{words}. Fix: remove the password with openssl pkey; Ansible Vault may encrypt the file"


def _rejected(server: ssl.SSLContext, trusted: str, name: str) -> str:
    """Why a client that trusts this certificate rejects it; empty if it accepts it.

    Both ends of a connection in memory give exactly the result of a real client.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = bool(name)
    client.load_verify_locations(cadata=trusted)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name or None),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):  # flights of a handshake
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return f"{error.verify_message.rstrip('.')}. Fix: {_fix(error.verify_code)}"
    return ""


def _fix(code: int) -> str:
    if code in (9, 10):  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
        return "use a certificate that is valid now"
    return "send its host name as the header Host, or set load.tls_verify: false"
