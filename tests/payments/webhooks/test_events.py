"""Stripe's events as bytes, and the object that each says to look at. Rows 118 and 121 of the bad inputs."""

from pathlib import Path
from typing import Any

import pytest
import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.payments.stripe.events import NOTHING_TO_LOOK_AT, TYPES, BadEvent, Delivery, Ignored, read_event
from tests.payments.webhooks.stripe import body_of, event, intent


def read(content: Any, *, livemode: bool = False) -> Delivery | Ignored:
    return read_event(body_of(content), livemode=livemode)


def looked_at(content: Any) -> tuple[str, str]:
    found = read(content)
    assert isinstance(found, Delivery), found
    return found.provider, found.event.object_id


def ignored(content: Any, *, livemode: bool = False) -> str:
    found = read(content, livemode=livemode)
    assert isinstance(found, Ignored), found
    return found.reason


# The same draws from run to run, however slow the machine is just now.
drawn = settings(derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])

THINGS: dict[str, dict[str, Any]] = {
    "payment_intent": intent("pi_1"),
    "checkout.session": {"id": "cs_test_1", "object": "checkout.session", "payment_intent": "pi_1"},
    "charge": {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": {}},
    "charge.dispute": {"id": "du_1", "object": "dispute", "payment_intent": "pi_1"},
    "refund": {"id": "re_1", "object": "refund", "payment_intent": "pi_1"},
}


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_type_says_which_payment_to_look_at(kind: str) -> None:
    family = kind.rpartition(".")[0]
    expected = ("stripe_checkout", "cs_test_1") if family == "checkout.session" else ("stripe", "pi_1")
    assert looked_at(event(kind, THINGS[family])) == expected


def test_every_type_is_one_that_the_library_knows() -> None:
    folder = Path(stripe.__file__).parent
    known = (folder / "params" / "_webhook_endpoint_create_params.py").read_text()
    known += (folder / "v2" / "core" / "_event_destination_service.py").read_text()
    assert [kind for kind in sorted(TYPES) if f'"{kind}"' not in known] == []


def test_an_expanded_payment_intent_is_found_too() -> None:
    charge = {**THINGS["charge"], "payment_intent": intent("pi_7")}
    assert looked_at(event("charge.updated", charge)) == ("stripe", "pi_7")


@pytest.mark.parametrize(
    "inner", [None, "", 7, [], {}, {"id": 7}, "ch_1", "pi_" + "x" * 300, "pi_ä", "pi_\u0000"]
)
def test_what_names_no_payment_of_ours_is_ignored(inner: Any) -> None:
    charge = {**THINGS["charge"], "payment_intent": inner}
    assert ignored(event("charge.updated", charge)) == "names_no_payment"


def test_121_other_modes_accounts_and_types_are_ignored() -> None:
    assert ignored(event(livemode=True)) == "other_mode"
    assert ignored(event(livemode=False), livemode=True) == "other_mode"
    assert ignored(event(account="acct_1")) == "other_account"
    assert ignored(event("invoice.paid")) == "unknown_type"
    assert ignored(event(object="v2.core.event", context="acct_1")) == "other_account"
    assert ignored(event(next(iter(NOTHING_TO_LOOK_AT)))) == "nothing_to_look_at"


def test_121_an_event_of_another_api_version_says_where_to_look_all_the_same() -> None:
    found = read(event(api_version="2017-08-15", request="req_1", surprise=[1]))
    assert isinstance(found, Delivery)
    assert (found.event.object_id, found.version) == ("pi_1", "2017-08-15")


def thin(kind: str, related: Any) -> dict[str, Any]:
    return {
        "id": "evt_test_65",
        "object": "v2.core.event",
        "type": kind,
        "livemode": False,
        "created": "2026-11-20T10:00:00.000Z",
        "related_object": related,
    }


def test_118_a_thin_event_says_where_to_look() -> None:
    related = {"id": "pi_9", "type": "payment_intent", "url": "/v1/payment_intents/pi_9"}
    assert looked_at(thin("v1.payment_intent.succeeded", related)) == ("stripe", "pi_9")
    related = {"id": "ch_9", "type": "charge", "url": "/v1/charges/ch_9"}
    assert ignored(thin("v1.charge.refunded", related)) == "names_no_payment"
    assert ignored(thin("v1.charge.refunded", None)) == "names_no_payment"
    assert ignored(thin("v2.core.account.closed", None)) == "unknown_type"


NOT_EVENTS: list[Any] = [
    b"",
    b"{",
    [],
    None,
    {},
    7,
    "event",
    b"[" * 200_000,
    b'{"id": "evt_1", "object": "event", "type": "x", "more": ' + b"[" * 200_000,
    b'{"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "livemode": false, "data": '
    b'{"object": {"object": "charge", "payment_intent":' + b"[" * 50_000 + b"]" * 50_000 + b"}}}",
    b"9" * 5_000,
    b'{"id": ' + b"9" * 5_000 + b"}",
    b"\xef\xbb\xbf" + body_of(event()),
    body_of(event()) + b"{}",
    b'{"x": "\xff"}',
    body_of(event()).replace(b'"created"', b'"\xff"'),
    event(id="pi_1"),
    event(id="evt_" + "x" * 300),
    event(id="evt_ä"),
    event(id="evt_1\n"),
    event(object="list"),
    event(type=7),
    event(livemode="no"),
    event(data=None),
    event(data={"object": None}),
    event(data={"object": {"id": "pi_1"}}),
    event(data={"object": {"id": 7, "object": "payment_intent"}}),
]


@pytest.mark.parametrize("content", NOT_EVENTS, ids=range(len(NOT_EVENTS)))
def test_118_what_is_no_event_is_refused_whoever_signed_it(content: Any) -> None:
    with pytest.raises(BadEvent) as refused:
        read(content)
    assert str(refused.value) in {
        "the body is no event",
        "the body is an object, but no event",
        "the event has no id",
        "the event has no object",
    }


def test_numbers_of_any_length_where_nobody_looks_are_no_trouble() -> None:
    assert looked_at(body_of(event()).replace(b"2500", b"9" * 5_000)) == ("stripe", "pi_1")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@drawn
@given(st.dictionaries(st.sampled_from([*event(), "account", "context", "related_object"]), _json))
def test_whatever_is_in_a_field_the_answer_is_one_of_three(changes: dict[str, Any]) -> None:
    try:
        found = read({**event(), **changes})
    except BadEvent:
        return
    assert isinstance(found, Delivery | Ignored)


@drawn
@given(st.binary(max_size=300))
def test_bytes_that_are_no_event_are_refused(body: bytes) -> None:
    with pytest.raises(BadEvent):
        read(body)
