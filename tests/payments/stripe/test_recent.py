"""What changed of late: lists by the time of making, and Stripe's record of events for what is older."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from server.payments.stripe import listing
from server.payments.stripe.checkout import StripeCheckout
from server.payments.stripe.failures import Unknown
from server.payments.stripe.intents import Stripe
from tests.payments.stripe.wire import Wire, charge, cs, listed, ok, pi, refusal

SINCE = 1_700_000_000_999
NOTHING_BACK = [listed()] * 3  # refunds, disputes, and what is told of either


def event(thing: dict[str, Any]) -> dict[str, Any]:
    return {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": thing}}


def by_id(things: dict[str, dict[str, Any]]) -> Callable[[httpx.Request], httpx.Response]:
    """Answers whichever is asked for, in whatever order."""

    def answer(request: httpx.Request) -> httpx.Response:
        thing = things.get(request.url.path.rpartition("/")[2])
        return refusal(404, "resource_missing") if thing is None else ok(thing)

    return answer


async def test_intents_made_and_intents_paid_are_found() -> None:
    paid = pi("succeeded", id="pi_old", amount_received=4300, latest_charge="ch_1")
    wire = Wire(listed(pi("requires_capture", id="pi_new")), listed(event(paid)), *NOTHING_BACK)
    found = await Stripe(wire.calls).recent(SINCE)
    assert {intent.id: intent.has_money for intent in found} == {"pi_new": True, "pi_old": True}
    assert wire.told[:2] == ["GET /v1/payment_intents", "GET /v1/events"]
    assert wire.sent(0)["created[gte]"] == wire.sent(1)["created[gte]"] == "1700000000"
    assert wire.sent(1)["types[1]"] == "payment_intent.succeeded"


async def test_what_the_list_says_is_newer_than_the_event() -> None:
    old = pi("requires_capture")
    new = pi("succeeded", amount_received=4300, latest_charge=charge(amount_refunded=4300))
    wire = Wire(listed(new), listed(event(old)), *NOTHING_BACK)
    assert [intent.status for intent in await Stripe(wire.calls).recent(SINCE)] == ["captured"]


async def test_money_of_others_in_the_same_account_is_theirs() -> None:
    others = listed(pi(metadata={}), pi(metadata={"payment": "p1", "via": "checkout"}))
    wire = Wire(others, listed(), *NOTHING_BACK)
    assert await Stripe(wire.calls).recent(SINCE) == []


async def test_every_page_is_read() -> None:
    wire = Wire(
        listed(pi(id="pi_1"), pi(id="pi_2"), more=True), listed(pi(id="pi_3")), listed(), *NOTHING_BACK
    )
    assert len(await Stripe(wire.calls).recent(SINCE)) == 3
    assert wire.sent(1)["starting_after"] == "pi_2"


async def test_what_lies_far_behind_is_read_too() -> None:
    """The newest come first: what was cut off would never be asked for again."""
    pages = [listed(pi(id=f"pi_{number}"), more=True) for number in range(30)]
    wire = Wire(*pages, listed(pi(id="pi_last")), listed(), *NOTHING_BACK)
    assert len(await Stripe(wire.calls).recent(SINCE)) == 31


async def test_a_list_without_an_end_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGES", 3)
    wire = Wire(*[listed(pi(), more=True)] * 3)
    with pytest.raises(Unknown, match="no end"):
        await Stripe(wire.calls).recent(SINCE)


async def test_what_is_not_understood_is_passed_over() -> None:
    """One foreign object in a list must not hide all others."""
    odd = [{"id": "cs_odd", "object": "checkout.session"}, cs(metadata=None), cs(metadata={"payment": 7})]
    wire = Wire(listed(*odd, cs(id="cs_ours")), listed(event({"id": "cs_odd"}), event(cs(id="cs_paid"))))
    provider = StripeCheckout(wire.calls, public_url="https://tickets.example", payment_seconds=1800)
    with capture_logs() as logs:
        assert {intent.id for intent in await provider.recent(SINCE)} == {"cs_ours", "cs_paid"}
    assert [(line["event"], line["items"]) for line in logs] == [
        ("stripe_items_skipped", 2),
        ("stripe_items_skipped", 1),
    ]


async def test_whose_money_went_back_is_asked_for_whole() -> None:
    """By refunds made by hand and by disputes, wherever they were paid; our own refunds are known."""
    by_hand = {"id": "re_1", "object": "refund", "payment_intent": "pi_1", "metadata": {}}
    ours = {"id": "re_2", "object": "refund", "payment_intent": "pi_2", "metadata": {"key": "refund:p2:full"}}
    dispute = {"id": "dp_1", "object": "dispute", "payment_intent": "pi_3"}
    decided = {"id": "dp_2", "object": "dispute", "payment_intent": "pi_1"}
    whole = pi("succeeded", metadata={"payment": "p1", "via": "checkout"})
    intents = {"pi_1": whole, "pi_3": pi("succeeded", id="pi_3", metadata={})}
    wire = Wire(
        listed(), listed(), listed(by_hand, ours), listed(dispute), listed(event(decided)),
        *[by_id(intents)] * 2,
    )  # fmt: skip  # the first line are the lists, the second the intents
    assert [intent.id for intent in await Stripe(wire.calls).recent(SINCE)] == ["pi_1"]
    assert sorted(wire.told[-2:]) == ["GET /v1/payment_intents/pi_1", "GET /v1/payment_intents/pi_3"]


async def test_a_refund_of_ours_that_failed_late_is_news() -> None:
    ours = {"id": "re_1", "object": "refund", "metadata": {"key": "refund:p1:full"}}
    news: list[dict[str, Any]] = [
        {**ours, "payment_intent": "pi_1", "status": "failed"},
        {**ours, "payment_intent": "pi_2", "status": "succeeded"},
        {**ours, "payment_intent": "pi_3", "status": "canceled"},
        {**ours, "payment_intent": None, "status": "failed"},
    ]
    intents = {f"pi_{number}": pi("succeeded", id=f"pi_{number}") for number in (1, 3)}
    wire = Wire(*[listed()] * 4, listed(*(event(refund) for refund in news)), *[by_id(intents)] * 2)
    assert {intent.id for intent in await Stripe(wire.calls).recent(SINCE)} == {"pi_1", "pi_3"}


async def test_an_intent_that_is_not_there_hides_no_other() -> None:
    news = [{"id": "dp_1", "object": "dispute", "payment_intent": name} for name in ("pi_0", "pi_1")]
    answer = by_id({"pi_1": pi("succeeded")})
    wire = Wire(*[listed()] * 3, listed(*news), listed(), answer, answer)
    assert [intent.id for intent in await Stripe(wire.calls).recent(SINCE)] == ["pi_1"]


async def test_sessions_made_and_sessions_paid_are_found() -> None:
    new = cs("complete", id="cs_new", payment_intent=pi("requires_capture"))
    paid = cs("complete", id="cs_old", payment_intent="pi_9")
    wire = Wire(listed(new, cs(id="cs_open")), listed(event(paid)))
    provider = StripeCheckout(wire.calls, public_url="https://tickets.example", payment_seconds=1800)
    found = {intent.id: intent.has_money for intent in await provider.recent(SINCE)}
    assert found == {"cs_new": True, "cs_open": False, "cs_old": True}
    assert wire.sent(0)["expand[0]"] == "data.payment_intent.latest_charge"
