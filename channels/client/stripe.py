"""Paying at Stripe as a page does: with the publishable key and a payment's client secret.

Never with a card's number: `method` is the id of a payment method (`pm_…`) that a reader or Stripe's own form
has made. What came of it is for the server to say: it asks Stripe itself, and believes no program.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal
from urllib.parse import quote

import httpx
import msgspec

from channels.client.errors import HoldfastError, Unreachable
from channels.client.models import Payment

ADDRESS: Final = "https://api.stripe.com"
SECONDS: Final = 20.0

Status = Literal["to_be_paid", "to_be_proved", "under_way", "secured", "over"]

_STATUS: Final[dict[str, Status]] = {
    "requires_payment_method": "to_be_paid",
    "requires_confirmation": "to_be_paid",
    "requires_action": "to_be_proved",
    "processing": "under_way",
    "requires_capture": "secured",
    "succeeded": "secured",
    "canceled": "over",
}
# Somebody else is at the same payment just now.
_PASSING: Final = frozenset({"lock_timeout"})


class Declined(HoldfastError):
    """Stripe does not take this way of paying; another may be tried. `code` is Stripe's, or the bank's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class StripeRefused(HoldfastError):
    """Stripe will not do what it was asked, whatever one pays by: a wrong key, say. `code` is Stripe's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt stands at Stripe; to prove that it is really they, the payer goes to `redirect_url`."""

    status: Status
    redirect_url: str | None = None


class StripeDesk:
    """`publishable_key` is the shop's (`pk_…`); its secret key is the server's alone."""

    def __init__(
        self,
        publishable_key: str,
        *,
        base_url: str = ADDRESS,
        timeout: float = SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._key = publishable_key
        self._client = httpx.AsyncClient(base_url=base_url, timeout=timeout, transport=transport)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def pay(self, payment: Payment, method: str, *, return_url: str) -> Standing:
        """Pay it by this method; the bank's page leads back to `return_url`.

        Raises Declined. After Unreachable it may have been paid or not: `look` before you ask again. One that
        is not to be paid any more, for it was paid already, answers how it stands.
        """
        form = {"payment_method": method, "return_url": return_url, "use_stripe_sdk": "false"}
        try:
            return await self._ask("POST", payment, "/confirm", form)
        except StripeRefused as refused:
            if refused.code != "payment_intent_unexpected_state":
                raise
            return await self.look(payment)

    async def look(self, payment: Payment) -> Standing:
        """How it stands now."""
        return await self._ask("GET", payment, "", {})

    async def _ask(self, verb: str, payment: Payment, action: str, form: dict[str, str]) -> Standing:
        intent, secret = _secret_of(payment)
        given = {"key": self._key, "client_secret": secret, **form}
        path = f"/v1/payment_intents/{quote(intent, safe='')}{action}"
        try:
            if verb == "GET":
                with _unwritten():
                    answer = await self._client.get(path, params=given)
            else:
                answer = await self._client.post(path, data=given)
        except httpx.RequestError as error:
            raise Unreachable(f"{verb} {path}: {str(error) or type(error).__name__}") from error
        said = _object(answer)
        if not answer.is_success:
            raise _refusal(answer.status_code, said)
        return _standing(said)


_is_secret: ContextVar[bool] = ContextVar("address is secret", default=False)


class _Unwritten(logging.Filter):
    def filter(self, _record: logging.LogRecord) -> bool:
        return not _is_secret.get()


_UNWRITTEN: Final = _Unwritten()


@contextmanager
def _unwritten() -> Iterator[None]:
    """Stripe wants the secret in the address, and httpx logs the address of whatever it asks."""
    logging.getLogger("httpx").addFilter(_UNWRITTEN)  # again is once
    token = _is_secret.set(True)
    try:
        yield
    finally:
        _is_secret.reset(token)


def _secret_of(payment: Payment) -> tuple[str, str]:
    """The intent's id, which its secret begins with, and the secret."""
    secret = payment.client_secret or ""
    intent, separator, _ = secret.partition("_secret_")
    if not separator:
        raise ValueError("this payment is not made with a client secret; see its redirect_url")
    return intent, secret


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        return msgspec.json.decode(answer.content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreachable(f"{answer.status_code}, and no object of Stripe's") from error


def _refusal(status: int, said: dict[str, Any]) -> HoldfastError:
    given = said.get("error")
    error = given if isinstance(given, dict) else {}
    code, message = str(error.get("code") or f"http_{status}"), str(error.get("message", ""))
    if status >= 500 or status in {409, 429} or code in _PASSING:
        return Unreachable(f"{status}: {message}")
    if status == 402:
        return Declined(str(error.get("decline_code") or code), message)
    return StripeRefused(code, message)


def _standing(intent: dict[str, Any]) -> Standing:
    status = _STATUS.get(str(intent.get("status")))
    if status is None:
        raise Unreachable(f"an intent of an unknown status: {intent.get('status')}")
    action = intent.get("next_action") or {}
    return Standing(status=status, redirect_url=(action.get("redirect_to_url") or {}).get("url"))
