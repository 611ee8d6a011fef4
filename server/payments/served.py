"""Which providers the settings ask for, built and closed in one place."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field

import structlog

from server.payments.breaker import Circuit, Guarded
from server.payments.provider import Provider
from server.settings import Settings
from server.times import Clock, now_milliseconds

_log = structlog.get_logger(__name__)


async def _nothing() -> None:
    """There is nothing to close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Providers besides those that payments bring along (free, sandbox).

    New payments go to `default`, or to another of `offered` if a buyer asks for it; the rest are there for
    payments that were begun when they were offered. None: all are.
    """

    default: str
    offered: Collection[str] | None = None
    by_name: Mapping[str, Provider] = field(default_factory=dict)
    circuit: Circuit | None = None
    close: Callable[[], Awaitable[None]] = _nothing


def payment_providers(settings: Settings, clock: Clock = now_milliseconds) -> Served:
    """Stripe on our page where there is a publishable key, on its own where there is a way back.

    Both are one third party, so they share a circuit. Stripe's library is loaded only where it is asked for.
    """
    if settings.payments != "stripe":
        return Served(default="sandbox")
    from server.payments.stripe.checkout import StripeCheckout  # noqa: PLC0415  # 0.2 s that others need not wait
    from server.payments.stripe.client import Calls  # noqa: PLC0415  # as above
    from server.payments.stripe.intents import Stripe  # noqa: PLC0415  # as above

    if not settings.stripe_webhook_secrets:
        _log.warning(
            "stripe_without_events", missing="STRIPE_WEBHOOK_SECRET", effect="payments are noticed later"
        )
    calls = Calls(settings.stripe_secret_key, base=settings.stripe_api_base)
    circuit = Circuit("stripe", clock=clock)
    page = StripeCheckout(calls, public_url=settings.public_url, payment_seconds=settings.payment_seconds)
    by_name = {provider.name: Guarded(provider, circuit) for provider in (Stripe(calls), page)}
    ways = {"stripe": settings.serves_payment_page, page.name: settings.serves_checkout}
    offered = [name for name, serves in ways.items() if serves]
    return Served(default=offered[0], offered=offered, by_name=by_name, circuit=circuit, close=calls.close)
