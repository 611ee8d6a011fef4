"""A whole Holdfast inside the test's own process, on a real port, so that tests can look inside."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from server.app import Parts, create_app
from server.serve import listen, serve
from server.settings import Settings


@dataclass(frozen=True)
class House:
    """A running process: where it is, and its parts."""

    base_url: str
    ws_url: str
    parts: Parts


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """Serve on a port of its own until the context ends; then it drains and closes as a process does."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    base_url = f"http://127.0.0.1:{port}"
    app = create_app(replace(settings, public_url=settings.public_url or base_url, port=port))
    ready, stop = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(
        serve(app.state.settings, app=app, listener=listener, ready=ready.set, stop=stop)
    )
    opened = asyncio.create_task(ready.wait())
    await asyncio.wait({task, opened}, return_when=asyncio.FIRST_COMPLETED)
    opened.cancel()
    if task.done():
        task.result()
    try:
        yield House(base_url, f"ws://127.0.0.1:{port}/ws", app.state.parts)
    finally:
        stop.set()
        await task
