"""Three routes that read a body and answer some bytes: what requests cost uvicorn and Starlette alone.

.venv/bin/python -m bench.bare DESCRIPTOR       serves on a socket that it inherits, until SIGTERM
"""

import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SIZES = {"/hold": 420, "/book": 1_330, "/pay": 480}
"""How long the three answers are."""


def answering(size: int) -> Route:
    """A route with an answer of so many bytes."""
    path = next(path for path, each in SIZES.items() if each == size)
    content = b'{"is": "' + b"x" * (size - 10) + b'"}'

    async def answer(request: Request) -> Response:
        await request.body()
        return Response(content, media_type="application/json")

    return Route(path, answer, methods=["POST"])


def main() -> None:
    """Serve."""
    app = Starlette(routes=[answering(size) for size in SIZES.values()])
    listener = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(
        app, http="httptools", loop="uvloop", lifespan="off", log_config=None, access_log=False
    )
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
