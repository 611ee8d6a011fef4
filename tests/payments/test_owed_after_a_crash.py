"""Money that is to go back is looked at until it is owed, wherever whoever was at it died.

Found by tests/simulation, seed 33: between the note that unwanted money was taken and the refund's row nobody
had it on a list any more.
"""

import pytest

from server.errors import Unavailable
from server.payments import refund_store
from tests.payments.house import PRICE, House


def _cannot_owe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database goes away just before a refund is owed."""

    async def away(*_: object, **__: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(refund_store, "owe", away)


async def test_a_second_charge_that_the_list_showed_goes_back_though_the_first_try_was_cut_short(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.office.hears_nothing()
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.acts("succeed", twice=True)
    with monkeypatch.context() as meanwhile:
        _cannot_owe(meanwhile)
        await house.office.payments.settle(ann.attempt.id)
        await house.office.payments.reconciler.list_all()
    assert await house.value("select status from payment where extra") == "paid"
    assert await house.value("select count(*) from refund") == 0

    house.clock.passes(60)
    await house.office.loops_run()
    assert await house.refunds() == [("paid_twice", PRICE)]
    await house.is_whole()


async def test_a_cancelled_booking_s_money_goes_back_though_it_was_noted_only_then(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.office.hears_nothing()
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books()
    await ann.pays()
    await house.office.payments.settle(ann.attempt.id)
    await house.execute("update payment set status = 'authorized'")  # as if it died after the capture
    await house.execute("update booking set payment_status = 'authorized'")
    with monkeypatch.context() as meanwhile:
        _cannot_owe(meanwhile)
        await ann.cancels()
    assert await ann.paid() == "paid"
    assert await house.value("select count(*) from refund") == 0

    house.clock.passes(60)
    await house.office.loops_run()
    assert await ann.paid() == "refunded"
    await house.is_whole()
