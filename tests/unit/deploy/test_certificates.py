"""Checks of your certificate and its key: real files, made with OpenSSL."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.deploy import certificates, tls
from tests.certificates import openssl, self_signed


def made(folder: Path, name: str = "shop") -> tuple[str, str]:
    certificate, key = self_signed(folder, name)
    return str(certificate), str(key)


def expired(folder: Path) -> tuple[str, str]:
    """Make a certificate whose validity ended in the year 2020."""
    certificate, key = made(folder, "expired")
    (folder / "index").touch()
    (folder / "ca").write_text(
        f"[ca]\ndefault_ca = x\n[x]\ndatabase = {folder}/index\nserial = {folder}/serial\nnew_certs_dir = {folder}\n"
        "default_md = sha256\npolicy = p\n[p]\ncommonName = supplied\n",
        encoding="ascii",
    )
    request = folder / "expired.csr"
    openssl("req", "-new", "-key", key, "-subj", "/CN=shop.example", "-out", request)
    signed = ("-selfsign", "-keyfile", key, "-in", request, "-out", certificate, "-batch", "-notext", "-create_serial")
    dates = ("-startdate", "20190101000000Z", "-enddate", "20200101000000Z")
    openssl("ca", "-config", folder / "ca", *signed, *dates)
    return certificate, key


@pytest.mark.parametrize("name", ["", "shop.example", "10.0.0.1"])
def test_a_valid_certificate_with_its_key_has_no_problem(name: str, tmp_path: Path) -> None:
    assert list(certificates.check(*made(tmp_path), name)) == []


def test_missing_files_are_reported_together(tmp_path: Path) -> None:
    found = dict(certificates.check(str(tmp_path / "none.crt"), "shop.key", ""))
    assert "cannot be read: No such file or directory" in found[tls.CERTIFICATE]
    assert "not an absolute path (got 'shop.key')" in found[tls.KEY]
    certificate, _ = made(tmp_path)
    assert [variable for variable, _ in certificates.check(certificate, "", "")] == [tls.KEY]


def test_a_key_of_another_certificate_is_reported(tmp_path: Path) -> None:
    (certificate, _), (_, key) = made(tmp_path), made(tmp_path, "other")
    [(variable, words)] = certificates.check(certificate, key, "")
    assert variable == tls.KEY
    assert words.startswith("not the key of the certificate")


def test_a_file_that_is_no_certificate_or_no_key_is_reported(tmp_path: Path) -> None:
    certificate, key = made(tmp_path)
    [(variable, words)] = certificates.check(key, key, "")
    assert (variable, words[:24]) == (tls.CERTIFICATE, "not a certificate as PEM")
    [(variable, words)] = certificates.check(certificate, certificate, "")
    assert (variable, words[:24]) == (tls.KEY, "not a private key as PEM")
    locked = tmp_path / "locked.key"
    openssl("pkey", "-in", key, "-aes256", "-passout", "pass:four", "-out", locked)
    [(variable, words)] = certificates.check(certificate, str(locked), "")
    assert variable == tls.KEY
    assert "one with a password" in words


@pytest.mark.parametrize("name", ["", "shop.example"])
def test_an_expired_certificate_is_reported(name: str, tmp_path: Path) -> None:
    [(variable, words)] = certificates.check(*expired(tmp_path), name)
    assert variable == tls.CERTIFICATE
    assert words == "certificate has expired. Fix: use a certificate that is valid now"


@pytest.mark.parametrize("name", ["other.example", "10.0.0.2"])
def test_another_host_name_is_reported_only_if_clients_verify_it(name: str, tmp_path: Path) -> None:
    pair = made(tmp_path)
    [(variable, words)] = certificates.check(*pair, name)
    assert variable == tls.CERTIFICATE
    assert "mismatch" in words
    assert name in words
    assert list(certificates.check(*pair, "")) == []


def test_a_key_that_ansible_vault_encrypted_is_left_to_ansible(tmp_path: Path) -> None:
    certificate, _ = made(tmp_path)
    (tmp_path / "vault.key").write_text("$ANSIBLE_VAULT;1.1;AES256\n3132\n", encoding="ascii")
    assert list(certificates.check(certificate, str(tmp_path / "vault.key"), "shop.example")) == []
