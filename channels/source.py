"""What the hub asks of the side that decides; the hub itself knows nothing of holds or of the database."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from channels.codec import Codec, Frame
from channels.protocol import ERRORS, Retry
from channels.replica import Change, Position, State


class Source(Protocol):
    """Where the truth about slots is. Any exception means "not now" and reaches who is waiting for it."""

    async def read(self, resource_id: str) -> State:
        """All of the resource, as it stands."""
        ...

    async def changes_since(self, resource_id: str, epoch: str, version: int) -> Sequence[Change] | None:
        """What happened after this position, in order; None if the log does not know the position."""
        ...

    async def positions(self, resource_ids: Sequence[str]) -> Mapping[str, Position | None]:
        """Where each resource stands, asked all at once; None for one that must be loaded again.

        One that could not be asked is left out.
        """
        ...

    async def went_back(self, resource_id: str, epoch: str, version: int) -> None:
        """The resource stands at an older version of this epoch than the one seen: build it anew."""
        ...


class Layouts(Protocol):
    """What slots are, as far as views need it: sequences in index order, of `count` slots from `first` on."""

    async def sections(self, resource_id: str, layout: int, first: int, count: int) -> Sequence[str]:
        """The section of each slot."""
        ...

    async def capacities(self, resource_id: str, layout: int, first: int, count: int) -> Sequence[int]:
        """How much each slot has for sale; 0 for a blocked one."""
        ...


class Subscriber(Protocol):
    """Who follows channels: a socket. Compared by identity."""

    @property
    def codec(self) -> Codec:
        """How its frames are encoded."""
        ...

    @property
    def deflates(self) -> bool:
        """Whether permessage-deflate was agreed, without context: then it gets `frame.deflated_wire`."""
        ...

    @property
    def ready(self) -> bool:
        """Whether it can take a broadcast now. When that turns true, `hub.ready(subscriber)` is called.

        A socket turns it false by itself, also in the middle of a write.
        """
        ...

    @property
    def write(self) -> Callable[[bytes | memoryview], object] | None:
        """Writes one whole wire frame without blocking, called only while ready; None: it takes `push`."""
        ...

    @property
    def descriptor(self) -> int:
        """Where whole wire frames may be written, only while ready; what it does not take goes to `write`.

        Negative if it has none, which takes nothing.
        """
        ...

    def push(self, frame: Frame) -> None:
        """Take a broadcast frame without blocking; called only while ready."""
        ...

    def close(self, code: int, words: str = "", retry_after: float | None = None) -> None:
        """Begin to close: it broke, and would stand still for ever if it stayed."""
        ...


class ChannelError(Exception):
    """A channel can't be followed; `code` is one of protocol.ERRORS."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def retry(self) -> Retry:
        """What the client does next."""
        return ERRORS[self.code][1]
