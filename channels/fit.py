"""Whether the installed uvicorn is the one that direct sockets are made for; if not, plain ASGI serves.

None of what is used is public, so it is compared at start and by a contract test.
"""

import inspect
import logging
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets import frames

from channels.arrival import Arrivals
from channels.bounded import BoundedWebSocketProtocol
from channels.reception import Receptions
from channels.socket import Door

PLAIN: Final = BoundedWebSocketProtocol
"""uvicorn's own class, bounded."""

_VERSIONS: Final = {"uvicorn": "0.54.", "websockets": "17."}
_METHODS: Final[Mapping[type[Any], Mapping[str, list[str]]]] = {
    HttpToolsProtocol: {"handle_websocket_upgrade": [], "data_received": ["data"]},
    WebSocketsSansIOProtocol: {
        "__init__": ["config", "server_state", "app_state", "_loop"],
        "connection_made": ["transport"],
        "data_received": ["data"],
        "connection_lost": ["exc"],
        "shutdown": [],
        "pause_writing": [],
        "resume_writing": [],
        "on_task_complete": ["task"],
    },
}
_UPGRADES: Final = ("ws_protocol_class(", "config=", "server_state=", "app_state=", "set_protocol(")
_MASKED: Final = bytes(ord(letter) ^ 1 for letter in "held")


def problems() -> list[str]:
    """What of uvicorn or websockets is not as direct sockets need it; nothing, if they can be used."""
    found = [
        f"{name} is {version(name)}; direct sockets are made for {wanted}*"
        for name, wanted in _VERSIONS.items()
        if not version(name).startswith(wanted)
    ]
    for owner, methods in _METHODS.items():
        for name, parameters in methods.items():
            method = getattr(owner, name, None)
            if method is None or list(inspect.signature(method).parameters)[1:] != parameters:
                found.append(f"uvicorn's {owner.__name__}.{name}({', '.join(parameters)}) is not what it was")
    return [*found, *_problems_inside()]


def _problems_inside() -> list[str]:
    found = []
    state: Any = ServerState()
    if not isinstance(state.connections, set):
        found.append("uvicorn's ServerState has other connections")
    if not isinstance(state.default_headers, list):
        found.append("uvicorn's ServerState has no default_headers")
    upgrade = inspect.getsource(HttpToolsProtocol.handle_websocket_upgrade)
    if not all(part in upgrade for part in _UPGRADES):
        found.append("uvicorn upgrades in another way")
    if (
        frames.apply_mask(  # type: ignore[attr-defined]
            b"held", b"\x01" * 4
        )
        != _MASKED
    ):
        found.append("websockets' apply_mask is not what it was")
    return found


def protocols(door: Door | None, http: Any, *, plain: bool = False) -> tuple[Any, Any]:
    """What to give uvicorn as `http=` and `ws=`: direct sockets through `door`, or uvicorn's own sockets.

    Those serve where `plain` asks for them, there is no door, or this uvicorn does not fit. `http` is the
    class for whatever else comes.
    """
    if door is None or plain:
        return http, PLAIN
    found = problems()
    if not found:
        arrivals = Arrivals(door)
        return Receptions(arrivals, http), arrivals
    _log.error("sockets use plain ASGI, slower and less exact: %s", "; ".join(found))
    return http, PLAIN


_log = logging.getLogger("holdfast.socket")
