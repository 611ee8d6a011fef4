"""What all connections of one running server share."""

import asyncio
from dataclasses import dataclass
from typing import Any

from channels.socket import Door


@dataclass(frozen=True, slots=True)
class House:
    """One running server, as its connections know it."""

    door: Door
    loop: asyncio.AbstractEventLoop
    connections: set[Any]
    tasks: set["asyncio.Task[None]"]
