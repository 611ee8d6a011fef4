"""A quote as HTTP shows it. Pure."""

from typing import Any

from server.bookings.quotes import Quoted
from server.bookings.views import item_views
from server.times import rfc3339


def quote_view(quoted: Quoted) -> dict[str, Any]:
    """`{quote}`: `rate` is what one of `base` is in `currency`, null where every price is an owner's own."""
    quote = quoted.quote
    rate = "1" if quote.currency == quote.base else quote.rate
    return {
        "reference": quote.reference,
        "base": quote.base,
        "currency": quote.currency,
        "rate": None if rate is None else str(rate),
        "quoted_at": rfc3339(quote.quoted_at),
        "total": {"amount": quoted.total, "currency": quote.currency},
        "items": item_views(quoted.lines, quote.currency),
        "supported": quoted.supported,
    }
