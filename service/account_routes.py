"""HTTP interface of login and history."""

from __future__ import annotations

import time
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import FastAPI, Header, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from service.accounts import MOST_ENTRIES, Accounts, history
from service.pace import Pacer


class Credentials(BaseModel):
    """A user and the password of the demonstration."""

    model_config = ConfigDict(extra="forbid")

    user: Annotated[str, Field(min_length=1, max_length=200)]
    password: Annotated[str, Field(max_length=200)]


class Token(BaseModel):
    """A token for the header `Authorization: Bearer ...`; every server accepts it for a day."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105 - its kind


class HistoryEntry(BaseModel):
    """An earlier prediction: its digit, its confidence, and its age in seconds."""

    label: int
    confidence: float
    age_s: int


class History(BaseModel):
    """Earlier predictions of a user, the newest first."""

    user: str
    entries: list[HistoryEntry]


async def _credentials(request: Request) -> Credentials:
    """Parse credentials from a form or from JSON; raises HTTPException for others."""
    body = await request.body()
    try:
        if request.headers.get("content-type", "").partition(";")[0] == "application/x-www-form-urlencoded":
            fields = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
            return Credentials.model_validate(fields)
        return Credentials.model_validate_json(body)
    except ValueError:  # it also covers pydantic's error, which would print the password
        raise HTTPException(422, "The body must contain 'user' and 'password', as a form or as JSON.") from None


def add(app: FastAPI, accounts: Accounts, pacer: Pacer | None) -> None:
    """Add /login and /history/{user}. On a paced server a history takes a slot as a prediction does, a login none."""

    @app.post("/login")
    async def login(request: Request) -> Token:
        credentials = await _credentials(request)
        token = accounts.log_in(credentials.user, credentials.password, int(time.time()))
        if token is None:
            raise HTTPException(401, "The password is wrong.")
        return Token(access_token=token)

    @app.get("/history/{user}")
    async def history_of(
        user: str,
        limit: Annotated[int, Query(ge=1, le=MOST_ENTRIES)] = 10,
        authorization: Annotated[str, Header()] = "",
    ) -> History:
        kind, _, token = authorization.partition(" ")
        owner = accounts.user_of(token, int(time.time())) if kind.lower() == "bearer" else None
        if owner is None:
            raise HTTPException(401, "A valid token is required.", {"WWW-Authenticate": "Bearer"})
        if owner != user:
            raise HTTPException(403, "The token belongs to another user.")
        slot = None if pacer is None else pacer.reserve()
        entries = [HistoryEntry(label=e.label, confidence=e.confidence, age_s=e.age_s) for e in history(user, limit)]
        if slot is not None:
            await slot
        return History(user=user, entries=entries)
