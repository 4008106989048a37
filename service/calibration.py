"""A service whose capacity is exact by construction, to test the instrument with.

`SLOTS` slots serve one request each for `SERVICE_S` seconds: SLOTS / SERVICE_S requests per second
and server, whatever the machine. A request reserves on arrival the slot that is free first and
ends at max(slot free, arrival) + SERVICE_S: a late wake-up delays one answer but never the slot,
so no capacity is lost. Slots start staggered, so answers do not come in bursts of SLOTS. (A
semaphore around a sleep loses about 1 %, and more on a busy host.)
"""

from __future__ import annotations

import asyncio
import heapq

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from service import counting

SLOTS = 20
SERVICE_S = 0.1
CAPACITY_PER_S = SLOTS / SERVICE_S


class Slots:
    """When each slot is free again, in the event loop's seconds."""

    def __init__(self, now: float) -> None:
        self._free_at = [now + i * SERVICE_S / SLOTS for i in range(SLOTS)]

    def reserve(self, now: float) -> float:
        """Take the first free slot; returns the time at which this request ends."""
        end = max(self._free_at[0], now) + SERVICE_S
        heapq.heapreplace(self._free_at, end)
        return end


def create_app() -> Starlette:
    """Build the application: POST or GET /predict, and the health and metrics paths of the real one."""
    slots: list[Slots] = []

    async def predict(_request: Request) -> Response:
        loop = asyncio.get_running_loop()
        if not slots:
            slots.append(Slots(loop.time()))
        done = loop.create_future()
        loop.call_at(slots[0].reserve(loop.time()), done.set_result, None)
        await done
        return Response(b'{"predictions":[{"label":0,"confidence":1.0}]}', media_type="application/json")

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("ready")

    async def metrics(_request: Request) -> Response:
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
