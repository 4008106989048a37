"""Calls of nGrinder's REST API, with error messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from harness.errors import LoadGeneratorFailed


class Controller:
    """One nGrinder controller, called as admin; every call raises LoadGeneratorFailed if it fails."""

    def __init__(self, client: httpx.Client, password_file: Path) -> None:
        self._client = client
        self._password_file = password_file

    def call(self, method: str, path: str, also: tuple[int, ...] = (), **arguments: Any) -> httpx.Response:
        """The response, with status 200 or one of `also`."""
        try:
            password = self._password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise LoadGeneratorFailed(f"cannot read the password of nGrinder's admin: {error}") from None
        try:
            answer = self._client.request(method, path, auth=("admin", password), **arguments)
        except httpx.HTTPError as error:
            raise LoadGeneratorFailed(
                f"nGrinder's controller at {self._client.base_url} does not answer: {error!r}. "
                "Fix: look at 'journalctl -u ngrinder-controller' on its host."
            ) from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise LoadGeneratorFailed(
                "nGrinder rejects the stored password of admin, which was changed. "
                f"Fix: write the new one into {self._password_file}."
            )
        if answer.status_code not in (httpx.codes.OK, *also):
            raise LoadGeneratorFailed(f"nGrinder rejects {method} {path}: {_message(answer)}")
        return answer

    def json(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.call(method, path, **arguments)
        try:
            return answer.json()
        except ValueError:
            raise LoadGeneratorFailed(f"nGrinder's response to {method} {path} is not JSON") from None


def _message(answer: httpx.Response) -> str:
    """The API's error message, or the status if there is none."""
    try:
        return str(answer.json().get("message") or f"status {answer.status_code}")
    except ValueError:
        return f"status {answer.status_code}"
