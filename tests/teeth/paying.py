"""Bugs of money (I4, and I8 where something is lost with it)."""

from typing import Final

from tests.teeth.bug import Bug, Patch

_LATE: Final = "tests/payments/test_late_takings.py"
_EVENTS: Final = "tests/payments/test_events.py"
_DELIVERING: Final = "tests/payments/webhooks/test_delivering.py"

PAYING: Final = (
    Bug(
        name="an event is acknowledged before it is stored",
        after="M8",
        breaks=("I4",),
        patches=(Patch("server/payments/intake.py", "        return await kept\n", "        return True\n"),),
        checks=(f"{_DELIVERING}::test_while_postgresql_is_away_nothing_is_acknowledged",),
        says="assert 200 == 503",
    ),
    Bug(
        name="a repeated call to the provider has a key of its own",
        after="M9",
        breaks=("I4",),
        patches=(
            Patch(
                "server/payments/providers.py",
                'key = f"refund:{refund.payment}:{refund.purpose}"',
                "key = f\"refund:{refund.payment}:{__import__('uuid').uuid4()}\"",
            ),
        ),
        checks=("tests/payments/test_cancelling.py::test_a_refund_whose_reply_was_lost_is_made_once",),
        says=r"\[\('booking_cancelled', 2500\)\]",
    ),
    Bug(
        name="events are told apart by what they are about",
        after="M10",
        breaks=("I4",),
        patches=(
            Patch(
                "server/payments/intake.py",
                "if (provider, event.id) in self._stored:",
                "if (provider, event.object_id) in self._stored:",
            ),
            Patch(
                "server/payments/intake.py",
                "            self._remember(key)\n",
                "            self._remember((provider, event.object_id))\n",
            ),
        ),
        checks=(
            "tests/payments/webhooks/test_intake.py::test_what_is_remembered_is_bounded_and_the_database_knows_the_rest",
        ),
        says=r">\s+assert await intake_\.keep",
    ),
    Bug(
        name="what the provider said first is believed for ever",
        after="M11",
        breaks=("I4",),
        patches=(
            Patch(
                "server/payments/providers.py",
                "                intent = await self._of(payment).fetch(_intent(payment))\n",
                "                before = self.__dict__.get(str(payment.id))\n"
                "                intent = before or await self._of(payment).fetch(_intent(payment))\n"
                "                self.__dict__[str(payment.id)] = intent\n",
            ),
        ),
        checks=(f"{_EVENTS}::test_all_orders_and_repeats_of_events_end_the_same",),
        says=r"AssertionError: \{'id': 'sbx_",
    ),
    Bug(
        name="what was decided before the rows were locked is done all the same",
        breaks=("I4",),
        patches=(
            Patch(
                "server/payments/rules.py",
                "        return self.step is seen.step and not (accepts and self.payment.",
                "        return True or (accepts and since and self.payment.",
            ),
        ),
        checks=(f"{_LATE}::test_what_one_process_has_decided_to_give_back_another_does_not_accept",),
        says=r"\('cancelled', 'refunded'\) == \('cancelled', 'expired'\)",
    ),
    Bug(
        name="a refused cancelling counts as cancelled",
        after="M12",
        breaks=("I4",),
        patches=(
            Patch(
                "server/payments/closing.py",
                "        if _pays(payment, intent):\n",
                "        if intent is None:\n",
            ),
        ),
        checks=("tests/payments/test_cancelling.py::test_what_was_paid_meanwhile_is_not_cancelled",),
        says=r"DID NOT RAISE Conflict",
    ),
    Bug(
        name="money is taken before the booking is confirmed",
        after="M21",
        breaks=("I4",),
        patches=(
            Patch(
                "server/payments/rules.py",
                '    wrong = mismatch(payment, intent)\n    if booking.status == "pending":\n',
                '    wrong = mismatch(payment, intent)\n    if intent.status == "authorised":\n'
                '        return Step.CAPTURE\n    if booking.status == "pending":\n',
            ),
        ),
        checks=(
            "tests/payments/test_stripe_money.py::test_with_every_webhook_lost_all_is_right_within_90_seconds",
        ),
        says=r"\('cancelled', 'refunded'\) == \('cancelled', 'failed'\)",
    ),
    Bug(
        name="a refund is made while a dispute is open",
        after="M22",
        breaks=("I4",),
        patches=(
            Patch(
                "server/payments/refunding.py",
                "            refuse_disputed(locked)\n            payments = await",
                "            payments = await",
            ),
            Patch(
                "server/payments/refunding.py",
                "            refuse_disputed(locked)\n            await self._bookings.cancel",
                "            await self._bookings.cancel",
            ),
        ),
        checks=(
            "tests/payments/test_disputes.py::test_while_a_dispute_is_open_booking_and_payment_say_so_and_nothing_is_refunded",
        ),
        says=r"DID NOT RAISE Conflict",
    ),
    Bug(
        name="any amount will do",
        breaks=("I4",),
        patches=(
            Patch(
                "server/payments/rules.py",
                "    return FLAG_AMOUNT if offered != payment.amount else None",
                "    return None",
            ),
        ),
        checks=(
            f"{_EVENTS}::test_an_amount_that_differs_is_not_confirmed_but_kept_and_flagged_and_goes_back_in_the_end",
        ),
        says=r"\('confirmed', 'authorized'\) == \('pending', 'pending'\)",
    ),
    Bug(
        name="yen are counted in hundredths",
        after="M20",
        breaks=("I4",),
        patches=(
            Patch(
                "server/payments/stripe/amounts.py",
                '_TIMES_100: Final = frozenset({"isk", "ugx"})',
                '_TIMES_100: Final = frozenset({"isk", "ugx", "jpy"})',
            ),
        ),
        checks=("tests/payments/stripe/test_amounts.py::test_an_amount_is_counted_stripes_way_and_back",),
        says=r"assert 430000 == 4300",
    ),
    Bug(
        name="amounts are floats",
        after="M19",
        breaks=("I4",),
        patches=(
            Patch(
                "server/currencies.py",
                '    amount = int(found[2] + fraction.ljust(digits, "0"))\n',
                '    amount = int(float(f"{found[2]}.{fraction or 0}") * 10**digits)\n',
            ),
        ),
        checks=("tests/test_currencies.py::test_an_amount_written_and_read_is_the_same",),
        says=r"assert \d+ == \d+\n",
    ),
    Bug(
        name="a signature of any future time holds",
        breaks=("I4", "I9"),
        patches=(
            Patch(
                "server/payments/stripe/signature.py",
                "    if age < -TOLERANCE_SECONDS:\n",
                "    if age < -1e12:\n",
            ),
        ),
        checks=("tests/payments/webhooks/test_signature.py::test_116_old_and_future_deliveries_are_refused",),
        says="DID NOT RAISE",
    ),
    Bug(
        name="a repeat under one key is done again",
        breaks=("I4",),
        patches=(
            Patch(
                "server/http/idempotency.py",
                "        if earlier is not None:\n            return await",
                "        if earlier is not None and earlier.status == 1:\n            return await",
            ),
        ),
        checks=("tests/http/test_idempotency.py::test_a_repeat_has_the_first_answer_and_no_effect",),
        says=r"order..2",
    ),
)
