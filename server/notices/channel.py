"""What every way of telling somebody outside has in common: the message, the sender, and how sending fails.

name: server.notices.deliveries calls `send`, and after it
├── returns           it is with whoever delivers it: sent
├── Temporary         the next provider of the channel is tried, then all again, later and later
└── Permanent         nobody will ever take it: a dead letter, or with `gone` dropped, the address with it
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol, get_args

import msgspec

Channel = Literal["email", "sms", "push", "webhook"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)


class Recipient(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who it goes to. `address`: an e-mail address, a phone number, the id of a subscription or endpoint.

    `user` is None for a buyer without one; `name` is how they call themselves, "" where nobody knows;
    `side` is which end of the booking they are.
    """

    address: str
    user: str | None = None
    name: str = ""
    side: Literal["buyer", "owner"] = "buyer"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message as it goes out: plain text, to be escaped by whoever puts it into something else.

    `key` is its idempotency key: the same on every try, another for every other message. Of several that
    came at once `kind` is "digest", `parts` are they, in order, and `title` and `text` sum them up; else
    `parts` is empty. `event` is the id of what happened, the same for everybody who is told of it (of a
    digest, of its first part). `created_at` is when it happened (ms). `data.booking` is the booking's id,
    where there is one.
    """

    key: str
    event: str
    kind: str
    title: str
    text: str
    data: Mapping[str, Any]
    recipient: Recipient
    created_at: int
    parts: tuple["Message", ...] = ()


class Temporary(Exception):
    """It did not go out now; another try may help, not before `retry_after` seconds at this provider."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Permanent(Exception):
    """It will never go out, by no provider. `gone`: its address is no more, which is nobody's trouble."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


class Sender(Protocol):
    """One provider of a channel: an SMTP server, a gateway for text messages, the push services, webhooks."""

    @property
    def name(self) -> str:
        """What it is called in the delivery's row and in the logs: "smtp", "webhook"."""

    async def send(self, message: Message) -> None:
        """Hand it over, within its own time limit (15 s at most); raises Temporary or Permanent."""
