"""Whatever is done in whatever order, the ledger adds up and agrees with what Stripe shows."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from tests.fake_stripe.core import attempt, disputes, intents, refunds
from tests.fake_stripe.core.account import Account
from tests.fake_stripe.core.charge import Charge
from tests.fake_stripe.core.dispute import Dispute
from tests.fake_stripe.core.intent import Intent
from tests.fake_stripe.core.method import chosen
from tests.fake_stripe.core.refund import Refund
from tests.fake_stripe.core.refusal import Refused
from tests.fake_stripe.ledger import Ledger

CARDS = ["4242424242424242", "4000000000000002", "4000002500003155", "bank", "ideal", "4000000000000259"]
AMOUNTS = [None, 1000, 3000, 5000, 6000]

acts = some.one_of(
    some.tuples(some.just("pay"), some.sampled_from(CARDS)),
    some.tuples(some.sampled_from(["authenticate", "settle", "decide", "refund_ends"]), some.booleans()),
    some.tuples(some.sampled_from(["capture", "refund", "dispute", "inquire"]), some.sampled_from(AMOUNTS)),
    some.tuples(some.sampled_from(["cancel", "wait"]), some.just(0)),
)


def do(account: Account, intent: Intent, act: str, how: Any) -> None:
    """Try it; what is refused changes no money."""
    amount = {} if how is None else {"amount": how, "amount_to_capture": how}
    if act == "pay":
        method = chosen(how, "eur", account.new_id("pm"))
        attempt.confirm(account, intent, method, "http://127.0.0.1:1/")
    elif act == "authenticate":
        attempt.authenticate(account, intent, ok=how)
    elif act == "settle":
        attempt.settle(account, intent, ok=how)
    elif act == "capture":
        intents.capture(account, intent.id, amount)
    elif act == "cancel":
        intents.cancel(account, intent.id, {})
    elif act == "refund":
        refunds.create(account, {"payment_intent": intent.id, **amount})
    elif act == "wait":
        account.at(account.now_ms + 4 * 24 * 3600 * 1000)
    else:
        do_at_the_bank(account, intent, act, how)


def do_at_the_bank(account: Account, intent: Intent, act: str, how: Any) -> None:
    last = next(reversed([item for item in account.all(Refund) if not item.release]), None)
    if act == "refund_ends" and last and last.status in {"pending", "succeeded"}:
        (refunds.succeed if how else refunds.fail)(account, last.id)
    elif act == "decide":
        for dispute in list(account.all(Dispute)):
            disputes.decide(account, dispute.id, won=how)
    elif act in {"dispute", "inquire"} and intent.latest_charge and how is None:
        charge = account.get(Charge, intent.latest_charge)
        disputes.open_one(account, charge, inquiry=act == "inquire")


@settings(max_examples=150, deadline=None)
@given(some.lists(acts, max_size=12), some.booleans())
def test_the_ledger_adds_up(story: list[tuple[str, Any]], by_hand: bool) -> None:
    account = Account(salt="t")
    options = {"card": {"capture_method": "manual"}} if by_hand else {}
    intent = intents.create(account, {"amount": 5000, "currency": "eur", "payment_method_options": options})
    for act, how in story:
        before = list(account.movements)
        try:
            do(account, intent, act, how)
        except Refused:
            assert list(account.movements) == before
        entry = Ledger(account)[intent.id]
        assert entry.held == intent.capturable
        assert entry.captured == intent.received
        assert 0 <= entry.kept <= entry.captured <= intent.amount
        if intent.latest_charge:
            assert entry.refunded == account.get(Charge, intent.latest_charge).refunded
        if intent.status == "canceled":
            assert (entry.held, entry.captured) == (0, 0)
