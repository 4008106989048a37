"""Calls of nGrinder's REST API, with what goes wrong in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from harness.errors import LoadGeneratorFailed


class Controller:
    """One nGrinder controller, spoken to as admin; every call raises LoadGeneratorFailed when it is refused."""

    def __init__(self, client: httpx.Client, password_file: Path) -> None:
        self._client = client
        self._password_file = password_file

    def call(self, method: str, path: str, also: tuple[int, ...] = (), **arguments: Any) -> httpx.Response:
        """The answer, with status 200 or one of `also`."""
        try:
            password = self._password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise LoadGeneratorFailed(f"nGrinder's password of admin cannot be read: {error}") from None
        try:
            answer = self._client.request(method, path, auth=("admin", password), **arguments)
        except httpx.HTTPError as error:
            raise LoadGeneratorFailed(
                f"nGrinder's controller at {self._client.base_url} does not answer: {error!r}; "
                "'journalctl -u ngrinder-controller' on its host tells more"
            ) from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise LoadGeneratorFailed(
                f"nGrinder does not accept the kept password of admin: somebody changed it; "
                f"write the right one into {self._password_file}"
            )
        if answer.status_code not in (httpx.codes.OK, *also):
            raise LoadGeneratorFailed(f"nGrinder refuses {method} {path}: {_message(answer)}")
        return answer

    def json(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.call(method, path, **arguments)
        try:
            return answer.json()
        except ValueError:
            raise LoadGeneratorFailed(f"nGrinder answers {method} {path} with something else than JSON") from None


def _message(answer: httpx.Response) -> str:
    """The API's own words, which an error of its own may lack."""
    try:
        return str(answer.json().get("message") or f"status {answer.status_code}")
    except ValueError:
        return f"status {answer.status_code}"
