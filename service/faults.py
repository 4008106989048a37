"""Services with one known fault each, to test that the evidence rules find it.

ml_server_app: service.faults:plateau     40 threads that sleep: the thread pool limits throughput while the CPU is idle
ml_server_app: service.faults:failing     half of the requests fail immediately, so throughput appears twice as high
ml_server_app: service.faults:hungry      every request leaks memory until the kernel kills the process
ml_server_app: service.faults:costly      every request uses SPIN_MS of CPU time, or SPIN_MS_N at address .N
"""

from __future__ import annotations

import itertools
import os
import socket
import time
from collections.abc import Callable

from fastapi import FastAPI, Response

from service import counting

THREADS_WAIT_S = 0.2  # 40 threads of Starlette's pool give 200 requests per second
GOOD_START = 100
KEPT_BYTES = 256 * 1024
ANSWER = b'{"predictions":[{"label":0,"confidence":1.0}]}'


def _app(predict: Callable[[], Response]) -> FastAPI:
    app = FastAPI(redoc_url=None)
    app.add_middleware(counting.CountRequests)
    app.post("/predict")(predict)

    @app.get("/healthz")
    @app.get("/readyz")
    async def ready() -> str:
        return "ready"

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(counting.exposition(), media_type="text/plain")

    return app


def plateau() -> FastAPI:
    """Block in an endpoint, which Starlette runs on 40 threads per process."""

    def predict() -> Response:
        time.sleep(THREADS_WAIT_S)
        return Response(ANSWER, media_type="application/json")

    return _app(predict)


def failing() -> FastAPI:
    """Return an error immediately for every second request after the first 100."""
    turns = itertools.count()

    async def predict() -> Response:
        turn = next(turns)
        if turn > GOOD_START and turn % 2:
            return Response(b'{"detail":"out of order"}', status_code=500)
        return Response(ANSWER, media_type="application/json")

    return _app(predict)  # type: ignore[arg-type] # FastAPI awaits a coroutine


def hungry() -> FastAPI:
    """Keep the memory of every request."""
    kept: list[bytearray] = []

    async def predict() -> Response:
        kept.append(bytearray(b"x" * KEPT_BYTES))
        return Response(ANSWER, media_type="application/json")

    return _app(predict)  # type: ignore[arg-type] # FastAPI awaits a coroutine


def costly() -> FastAPI:
    """Use so much CPU time per request that the framework's share is negligible on any processor."""
    number = socket.gethostbyname(socket.gethostname()).rpartition(".")[2]
    spin_s = float(os.environ.get(f"SPIN_MS_{number}", os.environ["SPIN_MS"])) / 1000

    async def predict() -> Response:
        end = time.thread_time() + spin_s
        while time.thread_time() < end:
            pass
        return Response(ANSWER, media_type="application/json")

    return _app(predict)  # type: ignore[arg-type] # FastAPI awaits a coroutine
