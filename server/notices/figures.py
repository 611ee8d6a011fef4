"""What is counted of what goes outside. Labels: channels, providers as set up, outcomes of ours. Few."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter

from server.notices.channel import Channel, Message, Permanent, Sender, Temporary
from server.notices.channels.circuit import Away

Outcome = Literal["taken", "later", "away", "refused", "gone", "failed"]


class NoticeFigures:
    """Counters of one process, in the registry that `/metrics` reads (its own where nobody does)."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._tries = Counter(
            "holdfast_delivery_tries",
            "Tries to hand a message over, by what came of them.",
            ("channel", "provider", "outcome"),
            registry=CollectorRegistry() if registry is None else registry,
        )

    def tried(self, channel: Channel, provider: str, outcome: Outcome) -> None:
        """A provider was tried once."""
        self._tries.labels(channel, provider, outcome).inc()


class Counted:
    """A Sender whose tries are counted."""

    def __init__(self, channel: Channel, sender: Sender, figures: NoticeFigures) -> None:
        self._channel = channel
        self._sender = sender
        self._figures = figures

    @property
    def name(self) -> str:
        """The provider's."""
        return self._sender.name

    async def send(self, message: Message) -> None:
        """Through the provider."""
        outcome: Outcome = "failed"
        try:
            await self._sender.send(message)
            outcome = "taken"
        except Away:
            outcome = "away"
            raise
        except Temporary:
            outcome = "later"
            raise
        except Permanent as error:
            outcome = "gone" if error.gone else "refused"
            raise
        finally:
            self._figures.tried(self._channel, self.name, outcome)
