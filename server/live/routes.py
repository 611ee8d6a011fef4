"""`GET /ws` by ASGI, for where direct sockets (channels/direct.py) do not serve."""

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from channels.plain import serve_plainly


async def converse(websocket: WebSocket) -> None:
    """Refuse over HTTP, or accept and converse to the end."""
    await serve_plainly(websocket, websocket.app.state.door)


routes = [WebSocketRoute("/ws", converse)]
