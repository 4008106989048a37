"""HTTP interface of the classifier."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import FastAPI, HTTPException, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field

from service import account_routes, counting
from service.accounts import Accounts
from service.database import Database
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


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application and load its model, so that a worker that listens can answer.

    Raises FileNotFoundError if the model is missing, and ValueError for an invalid setting.
    """
    settings = settings or Settings.from_environment()
    classifier = DigitClassifier(settings.model_path)
    pacer = None if settings.pace is None else Pacer(settings.pace, counting.count_slots)
    counting.CAPACITY.set(0.0 if settings.pace is None else settings.pace.rate_per_s)
    database = None if settings.database is None else Database(settings.database)

    @contextlib.asynccontextmanager
    async def connected(_: FastAPI) -> AsyncIterator[None]:
        if database is not None:
            await database.open()
        yield
        if database is not None:
            await database.close()

    app = FastAPI(title="Digit classifier", version="1.0", redoc_url=None, lifespan=connected)
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
        if database is not None:
            await database.hold()
        return PredictResponse(predictions=predictions)

    account_routes.add(app, Accounts(settings.password), pacer)

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
