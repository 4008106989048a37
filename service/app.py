"""HTTP interface of the classifier."""

from __future__ import annotations

import gc
import time
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import FastAPI, Header, HTTPException, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field

from service import counting
from service.accounts import MOST_ENTRIES, Accounts, history
from service.model import BRIGHTEST, PIXELS, DigitClassifier
from service.pace import Pacer
from service.settings import Settings

Pixel = Annotated[float, Field(ge=0, le=BRIGHTEST)]
Image = Annotated[list[Pixel], Field(min_length=PIXELS, max_length=PIXELS)]


class PredictRequest(BaseModel):
    """One `image`, or several `images`: 8 × 8 pixels row by row, each 0 (white) to 16 (black)."""

    model_config = ConfigDict(extra="forbid")

    image: Image | None = None
    images: Annotated[list[Image], Field(min_length=1)] | None = None


class Digit(BaseModel):
    """A predicted digit (0–9) and the model's confidence (0–1)."""

    label: int
    confidence: float


class PredictResponse(BaseModel):
    """One prediction per image, in the order of the request."""

    predictions: list[Digit]


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


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application and load its model, so that a worker that listens can answer.

    Raises FileNotFoundError if the model is missing, and ValueError for an invalid setting.
    """
    settings = settings or Settings.from_environment()
    classifier = DigitClassifier(settings.model_path)
    accounts = Accounts(settings.password)
    pacer = None if settings.pace is None else Pacer(settings.pace, counting.count_slots)
    counting.CAPACITY.set(0.0 if settings.pace is None else settings.pace.rate_per_s)
    app = FastAPI(title="Digit classifier", version="1.0", redoc_url=None)
    app.add_middleware(counting.CountRequests)

    @app.post("/predict")
    async def predict(request: PredictRequest) -> PredictResponse:
        # Runs on the event loop: one inference takes about 100 µs, and on one core a thread pool would only add
        # overhead.
        if (request.image is None) == (request.images is None):
            raise HTTPException(422, "The body must contain either 'image' or 'images'.")
        images = request.images if request.images is not None else [request.image or []]
        if len(images) > settings.max_batch:
            raise HTTPException(422, f"Too many images (got {len(images)}). Allowed: at most {settings.max_batch}.")
        slot = None if pacer is None else pacer.reserve()  # on arrival, so that the slot includes the model's time
        predictions = [Digit(label=p.label, confidence=p.confidence) for p in classifier.predict(images)]
        if slot is not None:
            await slot
        return PredictResponse(predictions=predictions)

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

    @app.get("/healthz", summary="The process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", summary="The model is loaded")
    async def readyz() -> dict[str, str]:
        return {"status": "ready"}

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        if pacer is not None:
            pacer.report()
        return Response(counting.exposition(), media_type=CONTENT_TYPE_LATEST)

    # Exclude permanent objects from garbage collection. New connections trigger full collections, which take 0.1 s of
    # CPU: with a small share of a core the server would not respond for a second.
    gc.collect()
    gc.freeze()
    return app
