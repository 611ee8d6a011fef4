"""What is to be done about money whose booking its owner has to approve of, as a table."""

import pytest

from server.bookings.rules import Booking
from server.payments.provider import Intent
from server.payments.rules import (
    LOOK_SLOWEST_MS,
    LOOK_SLOWEST_PENDING_MS,
    Case,
    Payment,
    Step,
    decide,
    next_look,
    shown_status,
    without_intent,
)
from tests.payments.test_decide import EXPIRED, OTHERS, PART, TOTAL, booking, intent, payment

ASKED = booking(approval="awaited", secured=TOTAL)
GRANTED = booking(approval="granted", secured=TOTAL)
DECLINED = booking("cancelled", approval="declined", cancel_reason="declined", cancelled_at=1, secured=0)
PROMISED = payment(status="authorized")
TAKEN = payment(status="paid")
HALF = payment(amount=PART, share=OTHERS, status="authorized")
BACK = payment(status="paid", unwanted=True)


def half(status: str) -> Intent:
    return intent(status, amount=PART)  # type: ignore[arg-type]  # one of the table's words


TABLE: list[tuple[str, Payment, Booking, Intent, Step]] = [
    ("promised: the owner is asked", payment(), booking(), intent("authorised"), Step.AWAIT),
    ("taken at once: the owner is asked", payment(), booking(), intent("captured"), Step.AWAIT),
    (
        "nothing to pay: the owner is asked",
        payment(amount=0),
        booking(total=0),
        intent("captured", amount=0),
        Step.AWAIT,
    ),
    ("a share of two: nobody is asked yet", HALF, booking(secured=PART), half("authorised"), Step.WAIT),
    (
        "the last share",
        payment(amount=PART, share=OTHERS),
        booking(secured=TOTAL - PART),
        half("authorised"),
        Step.AWAIT,
    ),
    ("not paid: nobody is asked", payment(), booking(), intent("open"), Step.WAIT),
    ("another amount is flagged first", payment(), booking(), intent("authorised", amount=1), Step.FLAG),
    ("the owner thinks", PROMISED, ASKED, intent("authorised"), Step.WAIT),
    ("the owner thinks, the money is taken", TAKEN, ASKED, intent("captured"), Step.WAIT),
    ("somebody took it by hand meanwhile", PROMISED, ASKED, intent("captured"), Step.WAIT),
    ("the promise broke while the owner thought", PROMISED, ASKED, intent("cancelled"), Step.COLLAPSE),
    ("it may break", PROMISED, ASKED, intent("processing"), Step.WAIT),
    ("one of the shares broke", HALF, ASKED, half("cancelled"), Step.COLLAPSE),
    ("a part was given back by hand", TAKEN, ASKED, intent("captured", refunded=1), Step.GIVE_UP),
    ("all was given back by hand", TAKEN, ASKED, intent("captured", refunded=TOTAL), Step.GIVE_UP),
    ("the bank asks for it", TAKEN, ASKED, intent("captured", dispute="open"), Step.GIVE_UP),
    (
        "the bank has it",
        TAKEN,
        ASKED,
        intent("captured", dispute="lost", reversed=TOTAL),
        Step.GIVE_UP,
    ),
    ("paid again while the owner thinks", payment(rivalled=True), ASKED, intent("captured"), Step.REJECT),
    ("another share comes late", payment(amount=PART), ASKED, half("authorised"), Step.REJECT),
    ("another amount comes late", payment(), ASKED, intent("captured", amount=1), Step.REJECT),
    ("another attempt is open still", payment(), ASKED, intent("open"), Step.VOID),
    ("it was declined", payment(status="failed"), ASKED, intent("declined"), Step.VOID),
    ("the owner said yes, and it is promised", PROMISED, GRANTED, intent("authorised"), Step.CONFIRM),
    ("the owner said yes, and it is taken", TAKEN, GRANTED, intent("captured"), Step.CONFIRM),
    ("the owner said yes, and it is gone", PROMISED, GRANTED, intent("cancelled"), Step.COLLAPSE),
    (
        "the owner said yes, and the bank asks",
        TAKEN,
        GRANTED,
        intent("captured", dispute="open"),
        Step.GIVE_UP,
    ),
    (
        "the owner said no",
        payment(status="authorized", unwanted=True),
        DECLINED,
        intent("authorised"),
        Step.VOID,
    ),
    ("the owner said no to what was taken", BACK, DECLINED, intent("captured"), Step.REFUND),
    ("the owner said no, and it is back", BACK, DECLINED, intent("captured", refunded=TOTAL), Step.NOTE),
    ("paid too late: nobody is asked", payment(status="failed"), EXPIRED, intent("authorised"), Step.REJECT),
]


@pytest.mark.parametrize(("case", "money", "sold", "says", "step"), TABLE, ids=[row[0] for row in TABLE])
def test_the_next_step_is(case: str, money: Payment, sold: Booking, says: Intent, step: Step) -> None:
    assert decide(money, sold, says, asks=True) is step, case


@pytest.mark.parametrize(
    ("money", "sold", "says"), [row[1:4] for row in TABLE if row[2].approval], ids=range(22)
)
def test_whoever_was_asked_counts_whatever_the_policy_says_by_now(
    money: Payment, sold: Booking, says: Intent
) -> None:
    assert decide(money, sold, says, asks=False) is decide(money, sold, says, asks=True)


def test_what_is_being_stopped_asks_nobody() -> None:
    stopped = payment(stopping_until=10)
    case = Case(stopped, booking(), intent("authorised"), "keep", 9, 1000)
    assert case.step is Step.WAIT
    assert Case(stopped, booking(), intent("authorised"), "keep", 10, 1000).step is Step.AWAIT


def test_an_attempt_that_nobody_asked_its_provider_for_ends_when_the_owner_is_asked() -> None:
    assert without_intent(payment(), booking()) is Step.WAIT
    assert without_intent(payment(), ASKED) is Step.FAIL


def test_an_attempt_that_fails_beside_the_money_does_not_speak_for_the_booking() -> None:
    own = payment()
    assert shown_status(own, booking(payment=own.id), "failed", []) == "failed"
    assert shown_status(own, booking(payment=own.id, approval="awaited"), "failed", []) is None


def test_while_the_owner_thinks_the_provider_is_asked_seldom() -> None:
    assert next_look(PROMISED, ASKED, 90_000_000) == 90_000_000 + LOOK_SLOWEST_MS
    assert next_look(PROMISED, GRANTED, 90_000_000) == 90_000_000 + LOOK_SLOWEST_PENDING_MS
