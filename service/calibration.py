"""A service with an exactly known capacity, for calibration.

It contains only the slots of service/pace.py: by default 20 slots of 0.1 s, which is 200 requests per second. The
environment can set another pace.
"""

from __future__ import annotations

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from service import counting
from service.pace import Pacer
from service.settings import pace_of

RATE, TIME = "200/s", "100ms"


def create_app() -> Starlette:
    """Build the application: POST or GET /predict, and the health and metrics paths of service.app.

    Raises ValueError for an invalid setting.
    """
    pace = pace_of(os.environ, RATE, TIME)
    assert pace is not None  # noqa: S101 - it has a default
    pacer = Pacer(pace, counting.count_slots)
    counting.CAPACITY.set(pace.rate_per_s)

    async def predict(_request: Request) -> Response:
        await pacer.reserve()
        return Response(b'{"predictions":[{"label":0,"confidence":1.0}]}', media_type="application/json")

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("ready")

    async def metrics(_request: Request) -> Response:
        pacer.report()
        return Response(counting.exposition(), media_type="text/plain")

    app = Starlette(
        routes=[
            Route("/predict", predict, methods=["GET", "POST"]),
            Route("/healthz", alive),
            Route("/readyz", alive),
            Route("/metrics", metrics),
        ]
    )
    app.add_middleware(counting.CountRequests)
    return app
