"""Lists of Stripe's, read to their end. What is not understood in one is passed over: it is not all ours."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import msgspec
import structlog
from stripe import RequestOptions, StripeObject

from server.payments.stripe.client import Calls, Reply
from server.payments.stripe.failures import Unknown

PAGE: Final = 100
# Far more than an account can do in the time that is asked for: a list that goes on has no end.
PAGES: Final = 2_000

Window = dict[str, Any]  # the library types it anew for each list
Ask = Callable[[Any, RequestOptions], Awaitable[StripeObject]]

_log = structlog.get_logger(__name__)


class _Id(msgspec.Struct):
    id: str


class _Page(msgspec.Struct):
    data: list[msgspec.Raw]
    has_more: bool = False


def since(since_ms: int) -> Window:
    """What was made since then, as many at a time as Stripe gives."""
    return {"created": {"gte": since_ms // 1000}, "limit": PAGE}


async def listed(calls: Calls, ask: Ask, window: Window, kind: type[Reply]) -> list[Reply]:
    """Every item that is understood, the newest first. Raises Unknown also for a list without an end."""
    found: list[Reply] = []
    skipped: list[str] = []
    after: Window = {}
    for _ in range(PAGES):
        page = (await calls.get(partial(ask, {**window, **after}))).read(_Page)
        for item in page.data:
            try:
                found.append(msgspec.json.decode(item, type=kind))
            except msgspec.ValidationError as error:
                skipped.append(str(error))
        if not page.has_more or not page.data:
            break
        after = {"starting_after": _id_of(page.data[-1])}
    else:
        raise Unknown(f"a list of Stripe's has no end after {PAGES} pages")
    if skipped:
        _log.warning("stripe_items_skipped", of=kind.__name__, items=len(skipped), reason=skipped[0])
    return found


def _id_of(item: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(item, type=_Id).id
    except msgspec.ValidationError:
        raise Unknown("an item of Stripe's list has no id") from None
