from tests.payments.house import HALL, PRICE, House


async def test_a_cart_is_booked_paid_and_confirmed(house: House) -> None:
    ann = house.buyer("ann")
    hold = await ann.holds("A-1", "A-2")
    payment = await ann.books()

    assert ann.own.reference == hold.reference
    assert ann.own.total == 2 * PRICE
    assert await ann.status() == ("pending", "pending")
    assert payment.redirect_url == f"/sandbox/payments/{payment.id}"
    assert await ann.cart() is None
    assert [each.status for each in await house.office.holds.holds(ann.caller.session)] == ["paying"]

    await ann.pays()

    assert await ann.status() == ("confirmed", "paid")
    assert await ann.paid() == "paid"
    assert await house.booked_and_free("A-1") == (1, 0)
    assert await house.office.holds.holds(ann.caller.session) == []
    await house.is_whole(resources=[HALL])
