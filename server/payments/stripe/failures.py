"""What Stripe's library raises, as ours: refused for good, or nobody knows. Texts are codes, no secrets."""

from typing import Final

import msgspec
from stripe import APIConnectionError, StripeError

from server.payments.provider import ProviderRefused, ProviderUnavailable

# Answers after which a repeat of the same request may get another one.
_OF_THE_MOMENT: Final = frozenset({"rate_limit", "lock_timeout", "idempotency_key_in_use"})
_FINAL: Final = frozenset({400, 402, 404})
# What an operator has to mend first: asking again in a second is no use, giving up for good would lose money.
_OURS_TO_MEND: Final = frozenset({401, 403})


class Refused(ProviderRefused):
    """`code` is Stripe's, such as payment_intent_unexpected_state; `param` is the parameter it does not like.

    `replayed`: an old answer to this key.
    """

    def __init__(self, text: str, code: str | None, param: str | None, *, replayed: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.param = param or ""
        self.replayed = replayed


class Unknown(ProviderUnavailable):
    """`may_repeat`: the same request may be sent again at once. `replayed`: an old answer to this key."""

    def __init__(self, text: str, *, may_repeat: bool = False, replayed: bool = False) -> None:
        super().__init__(text)
        self.may_repeat = may_repeat
        self.replayed = replayed


class NotAccepted(Unknown):
    """Stripe does not know the secret key, or does not let it do this: an operator has to act."""

    away = False


class _Details(msgspec.Struct):
    type: str | None = None
    code: str | None = None
    decline_code: str | None = None
    param: str | None = None


class _Body(msgspec.Struct):
    error: _Details


def translated(error: StripeError) -> Refused | Unknown:
    """The library's exception as ours."""
    if isinstance(error, APIConnectionError):
        return Unknown(f"no connection to Stripe ({error.user_message})", may_repeat=True)
    status = error.http_status
    details = _details(error.json_body)
    replayed = _header(error, "idempotent-replayed") == "true"
    text = _text(status, details, error.request_id)
    if status in _FINAL and details is not None and details.code not in _OF_THE_MOMENT:
        return Refused(text, details.code, details.param, replayed=replayed)
    if status in _OURS_TO_MEND:
        return NotAccepted(text)
    may_repeat = _header(error, "stripe-should-retry") != "false"
    return Unknown(text, may_repeat=may_repeat, replayed=replayed)


def _details(body: object) -> _Details | None:
    try:
        return msgspec.convert(body, _Body).error
    except msgspec.ValidationError:
        return None


def _header(error: StripeError, name: str) -> str | None:
    return (error.headers or {}).get(name)


def _text(status: int | None, details: _Details | None, request: str | None) -> str:
    """Codes only: Stripe's own sentences quote what was sent."""
    if details is None:
        return f"Stripe answered {status} without words"
    codes = [details.type, details.code, details.decline_code, details.param, request]
    return f"Stripe answered {status}: " + " ".join(code for code in codes if code)
