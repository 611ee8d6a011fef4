"""Every call that is served: verb, path, and what it does. All else is 404, as at Stripe."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fake_stripe.core import disputes, intents, reading, refunds, sessions
from tests.fake_stripe.core.account import Account, Thing
from tests.fake_stripe.core.charge import Charge
from tests.fake_stripe.core.dispute import Dispute
from tests.fake_stripe.core.form import Params
from tests.fake_stripe.core.intent import Intent
from tests.fake_stripe.core.refund import Refund
from tests.fake_stripe.core.refusal import missing
from tests.fake_stripe.core.session import Session

Do = Callable[[Account, str, Params], dict[str, Any]]


@dataclass(frozen=True)
class Call:
    """`path` has `{id}` where an object's id stands."""

    verb: str
    path: str
    do: Do

    @property
    def name(self) -> str:
        return f"{self.verb} {self.path}"


def _get(kind: type[Thing]) -> Do:
    return lambda account, object_id, _params: account.get(kind, object_id).json()


def _list(kind: type[Thing], *filters: str) -> Do:
    def do(account: Account, _object_id: str, params: Params) -> dict[str, Any]:
        wanted = {name: params[name] for name in filters if name in params}
        items = [thing.json() for thing in account.all(kind)]
        found = [item for item in items if all(item[name] == value for name, value in wanted.items())]
        return reading.page(found, params, f"/v1/{kind.OBJECT.replace('.', '/')}s")

    return do


def _change(change: Callable[[Account, str, Params], Thing]) -> Do:
    return lambda account, object_id, params: change(account, object_id, params).json()


def _create(create: Callable[[Account, Params], Thing]) -> Do:
    return lambda account, _object_id, params: create(account, params).json()


def _end(end: Callable[[Account, str], Thing]) -> Do:
    return lambda account, object_id, _params: end(account, object_id).json()


def _event(account: Account, object_id: str, _params: Params) -> dict[str, Any]:
    for event in account.events:
        if event["id"] == object_id:
            return event
    raise missing("event", object_id)


def _events(account: Account, _object_id: str, params: Params) -> dict[str, Any]:
    return reading.page(reading.events(account, params), params, "/v1/events")


def _lines(account: Account, object_id: str, _params: Params) -> dict[str, Any]:
    return account.get(Session, object_id, "session").lines_json()


CALLS = (
    Call("POST", "/v1/payment_intents", _create(intents.create)),
    Call("GET", "/v1/payment_intents", _list(Intent)),
    Call("GET", "/v1/payment_intents/{id}", _get(Intent)),
    Call("POST", "/v1/payment_intents/{id}", _change(intents.update)),
    Call("POST", "/v1/payment_intents/{id}/confirm", _change(intents.confirm)),
    Call("POST", "/v1/payment_intents/{id}/capture", _change(intents.capture)),
    Call("POST", "/v1/payment_intents/{id}/cancel", _change(intents.cancel)),
    Call("POST", "/v1/checkout/sessions", _create(sessions.create)),
    Call("GET", "/v1/checkout/sessions", _list(Session, "payment_intent", "status")),
    Call("GET", "/v1/checkout/sessions/{id}", _get(Session)),
    Call("POST", "/v1/checkout/sessions/{id}", _change(sessions.update)),
    Call("POST", "/v1/checkout/sessions/{id}/expire", _end(sessions.expire)),
    Call("GET", "/v1/checkout/sessions/{id}/line_items", _lines),
    Call("POST", "/v1/refunds", _create(refunds.create)),
    Call("GET", "/v1/refunds", _list(Refund, "payment_intent", "charge")),
    Call("GET", "/v1/refunds/{id}", _get(Refund)),
    Call("POST", "/v1/refunds/{id}", _change(refunds.update)),
    Call("POST", "/v1/refunds/{id}/cancel", _end(refunds.cancel)),
    Call("GET", "/v1/charges", _list(Charge, "payment_intent")),
    Call("GET", "/v1/charges/{id}", _get(Charge)),
    Call("GET", "/v1/disputes", _list(Dispute, "payment_intent", "charge")),
    Call("GET", "/v1/disputes/{id}", _get(Dispute)),
    Call("POST", "/v1/disputes/{id}", _change(disputes.update)),
    Call("POST", "/v1/disputes/{id}/close", _end(disputes.close)),
    Call("GET", "/v1/events", _events),
    Call("GET", "/v1/events/{id}", _event),
)

BY_NAME: Mapping[str, Call] = {call.name: call for call in CALLS}
_PATTERNS = [(call, re.compile(call.path.replace("{id}", "([A-Za-z0-9_]+)"))) for call in CALLS]


def named(verb: str, path: str) -> tuple[str, str]:
    """The call's name and the object's id, empty where there is none."""
    for call, pattern in _PATTERNS:
        match = pattern.fullmatch(path)
        if match and call.verb == verb:
            return call.name, match.group(1) if match.groups() else ""
    return "", ""
