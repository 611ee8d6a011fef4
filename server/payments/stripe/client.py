"""How Stripe is called: one pinned version, a key on every POST, repeats within a budget, errors as ours."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
import stripe
import structlog
from stripe import RequestOptions, StripeClient, StripeError, StripeObject

from server.payments.stripe.failures import NotAccepted, Unknown, translated
from server.payments.stripe.http import Http

API_VERSION: Final = "2026-10-28.endive"
BUDGET_SECONDS: Final = 11.0
TRIES: Final = 4
# A stored failure answers every repeat of its key for a day: so many further keys are tried in its place.
KEYS: Final = 8
FIRST_PAUSE_SECONDS: Final = 0.25
# What the library raises over JSON that is no object of Stripe's.
_ODD: Final = (AttributeError, KeyError, RecursionError, TypeError, ValueError)

Send = Callable[[RequestOptions], Awaitable[StripeObject]]
Sleep = Callable[[float], Awaitable[object]]
Reply = TypeVar("Reply")

_log = structlog.get_logger(__name__)

stripe.enable_telemetry = False  # it keeps an id in a file and tells of the machine
for _name in ("stripe", "httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # below that they write whole bodies


class Answer(msgspec.Struct, frozen=True):
    """A reply's body as it came; `replayed`: it is what this key was answered before, perhaps long ago."""

    body: str
    replayed: bool

    def read(self, kind: type[Reply]) -> Reply:
        """The body as a value; ProviderUnavailable where it is none."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.DecodeError as error:
            raise Unknown(f"Stripe's answer is not understood: {error}") from None


class Calls:
    """Raises Unknown or Refused, and takes no longer than BUDGET_SECONDS."""

    def __init__(
        self, secret_key: str, *, base: str = "", http: Http | None = None, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._http = http or Http()
        self._sleep = sleep
        self.v1 = StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": base.rstrip("/")} if base else None,
            http_client=self._http,
            max_network_retries=0,  # we repeat: within a budget, and after 429 too
        ).v1

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close_async()

    async def get(self, send: Send) -> Answer:
        """Ask for something."""
        return await self._within_budget(send, None, 1)

    async def post(self, send: Send, key: str, *, leaves_keys: bool = True) -> Answer:
        """Have something done once, however often it is asked for by this key.

        A key whose stored answer is "something broke here" gives it for a day, whatever has become of the
        cause. With `leaves_keys` the next one is tried then: for what does no harm when it is done twice,
        like an intent whose id nobody learnt.
        """
        return await self._within_budget(send, key, KEYS if leaves_keys else 1)

    async def _within_budget(self, send: Send, key: str | None, keys: int) -> Answer:
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                return await self._with_repeats(send, key, keys)
        except TimeoutError:
            raise Unknown("no answer from Stripe in time") from None

    async def _with_repeats(self, send: Send, key: str | None, keys: int) -> Answer:
        tries, number = 0, 1
        while True:
            tries += 1
            try:
                return await _once(send, key if number == 1 else f"{key}:{number}")
            except Unknown as failure:
                if failure.replayed and number < keys:
                    number += 1
                elif failure.replayed or not failure.may_repeat or tries >= TRIES:
                    raise
                else:
                    await self._sleep(_pause(tries))


def numbered(key: str, turn: int) -> str:
    """The key of a further turn, in which the caller has looked at how things stand."""
    return key if turn == 1 else f"{key}/{turn}"


async def _once(send: Send, key: str | None) -> Answer:
    options: RequestOptions = {} if key is None else {"idempotency_key": key}
    try:
        response = (await send(options)).last_response
    except StripeError as error:
        failure = translated(error)
        if isinstance(failure, NotAccepted):
            _log.error("stripe_key_not_accepted", reason=str(failure))
        raise failure from None
    except _ODD as error:
        raise Unknown(
            f"Stripe's answer is not understood ({type(error).__name__})", may_repeat=True
        ) from None
    assert response is not None, "the library keeps it with every object it answers"
    return Answer(response.body, response.headers.get("idempotent-replayed") == "true")


def _pause(tries: int) -> float:
    longest: float = FIRST_PAUSE_SECONDS * 2**tries
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # to spread, not to hide
