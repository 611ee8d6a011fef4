"""Bugs of what is done with a booking afterwards: it is changed, or handed on."""

from typing import Final

from tests.teeth.bug import Bug, Patch

CHANGING: Final = (
    Bug(
        name="a change is made before its money is taken",
        breaks=("I4",),
        patches=(
            Patch(
                "server/payments/changing.py",
                'if extra.status != "confirmed" or extra.payment_status in _UNDECIDED:',
                'if extra.status != "confirmed":',
            ),
            Patch(
                "server/payments/changing.py",
                'return stands and extra.payment_status == "paid" and',
                "return stands and",
            ),
        ),
        checks=("tests/bookings/test_changes.py::test_nothing_is_given_up_before_the_difference_is_taken",),
        says=r"assert ",
    ),
    Bug(
        name="a change is made of a booking that is not what it was",
        breaks=("I8",),
        patches=(
            Patch(
                "server/payments/changing.py",
                " and _places(booking.lines) == _places(change.before)\n",
                "\n",
            ),
            Patch(
                "server/payments/changing.py",
                'stands = booking.status == "confirmed" and booking.payment_status in changes.CHANGEABLE',
                "stands = True",
            ),
        ),
        checks=("tests/bookings/test_changes.py::test_a_booking_that_is_not_what_it_was_keeps_what_it_has",),
        says=r"assert ",
    ),
    Bug(
        name="what was handed on is its former buyer's, too",
        breaks=("I9",),
        patches=(
            Patch(
                "server/bookings/sql/transfers.sql",
                "update booking set session = $2, user_id = $3",
                "update booking set session = left(session || $2, length(session)), user_id = $3",
            ),
        ),
        checks=(
            "tests/bookings/test_transfers.py::test_who_has_the_link_takes_it_over_and_who_had_it_has_lost_it",
        ),
        says=r"assert |DID NOT RAISE NotFound",
    ),
    Bug(
        name="a booking is taken over by two",
        breaks=("I9",),
        patches=(
            Patch(
                "server/bookings/transfers.py",
                "            _require_acceptable(standing, user)\n",
                "",
            ),
        ),
        checks=("tests/bookings/test_transfers.py::test_of_two_who_accept_at_once_one_has_it",),
        says=r"too many values to unpack",
    ),
)
