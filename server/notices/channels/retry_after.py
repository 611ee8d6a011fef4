"""How long another server asks to be left alone: `Retry-After` in seconds or as a date (RFC 9110, 10.2.3)."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from server.times import milliseconds

MOST_SECONDS: Final = 24 * 3600.0


def retry_after(headers: Mapping[str, str], now_ms: int) -> float | None:
    """Seconds from now, at most a day; None where it says nothing that can be read."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MOST_SECONDS)
    try:
        seconds = (milliseconds(parsedate_to_datetime(text)) - now_ms) / 1000
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), MOST_SECONDS)
