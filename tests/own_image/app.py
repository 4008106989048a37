"""A service of its own: four workers, each of which needs 50 ms for a price. It serves 80 requests per second."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORKERS = threading.Semaphore(4)
DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "Prices", "version": "1"},
    "paths": {"/price": {"get": {"operationId": "price", "responses": {"200": {"description": "a price"}}}}},
}


class Handler(BaseHTTPRequestHandler):
    """Serves a health check, the OpenAPI document and a price."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Respond to a request."""
        if self.path == "/healthz":
            self._respond({"status": "ok"})
        elif self.path == "/openapi.json":
            self._respond(DOCUMENT)
        elif self.path == "/price":
            with WORKERS:
                time.sleep(0.05)
            self._respond({"price": 42})
        else:
            self.send_error(404)

    def _respond(self, data: object) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Server(ThreadingHTTPServer):
    """A server that accepts many connections at once."""

    request_queue_size = 1024


if __name__ == "__main__":
    Server(("", 8000), Handler).serve_forever()
