"""What is counted of money. Labels are providers, outcomes and reasons of ours alone: few, and known."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

LAG_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 90, 300, 3600)


class PaymentFigures:
    """Counters of one process, in the registry that `/metrics` reads (its own where nobody does)."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        into = CollectorRegistry() if registry is None else registry
        self._payments = Counter(
            "holdfast_payments", "Payments by what became of them.", ("provider", "outcome"), registry=into
        )
        self._refunds = Counter(
            "holdfast_refunds",
            "Refunds by reason and by how they ended.",
            ("reason", "outcome"),
            registry=into,
        )
        self._oversold = Counter(
            "holdfast_oversell_refunds",
            "Refunds of money that came for places that somebody else has by now.",
            registry=into,
        )
        self._stuck = Counter(
            "holdfast_refunds_stuck", "Tries of refunds that failed again and again.", registry=into
        )
        self._deliveries = Counter(
            "holdfast_webhook_deliveries",
            "Deliveries of events by their outcome.",
            ("outcome",),
            registry=into,
        )
        self._versions = Counter(
            "holdfast_webhook_other_versions",
            "Events of ours that were written in another API version than the one that is pinned.",
            registry=into,
        )
        self._lag = Histogram(
            "holdfast_webhook_lag_seconds",
            "Seconds from an event's receipt until it was worked off.",
            buckets=LAG_SECONDS,
            registry=into,
        )

    def payment(self, provider: str, outcome: str) -> None:
        """A payment has come to this."""
        self._payments.labels(provider, outcome).inc()

    def refund(self, reason: str, outcome: str) -> None:
        """A refund has ended so."""
        self._refunds.labels(reason, outcome).inc()

    def oversold(self) -> None:
        """Money came for what is gone: with manual capture this stays at zero."""
        self._oversold.inc()

    def refund_stuck(self) -> None:
        """A refund failed once more, and a person should look."""
        self._stuck.inc()

    def delivery(self, outcome: str) -> None:
        """One delivery was answered: `stored`, `repeated`, why it was ignored, or the code of a refusal."""
        self._deliveries.labels(outcome).inc()

    def other_version(self) -> None:
        """An event was written in another API version: it is looked at, since only its ids are read."""
        self._versions.inc()

    def event_worked_off(self, seconds: float) -> None:
        """One event was, so long after it was received."""
        self._lag.observe(seconds)
