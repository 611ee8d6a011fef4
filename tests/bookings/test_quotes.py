"""Quotes: what a cart costs in another currency, and that it is what is charged."""

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from server.bookings import quote_store
from server.bookings.pricing import KEEP_MS, new_quote
from server.bookings.quotes import Quoted, Requoted
from server.bookings.rates import MAX_AGE_MS
from server.bookings.rules import Booking
from server.bookings.views import booking_view
from server.errors import Conflict, InvalidFields, Unavailable
from server.inventory.rules import PriceList, Resource, ResourceDraft, Slot, SlotDraft, put_in
from tests.bookings.rates import changes_at, head_of, lists, opens_bureau
from tests.payments.house import FORM, PRICE, Buyer, House

GBP = msgspec.structs.replace(FORM, currency="gbp")


async def quotes(buyer: Buyer, currency: str) -> Quoted:
    return await buyer.office.bookings.quotes.ask(buyer.caller, currency)


async def present(buyer: Buyer) -> Quoted:
    found = await buyer.office.bookings.quotes.present(buyer.caller)
    assert found is not None
    return found


async def validates(buyer: Buyer, currency: str | None) -> Booking:
    form = msgspec.structs.replace(FORM, currency=currency)
    return (await buyer.office.bookings.validate(buyer.caller, form))[0]


def refused_field(error: InvalidFields) -> str:
    assert error.errors is not None
    assert [each.field for each in error.errors] == ["currency"]
    return error.errors[0].message


async def kept(house: House) -> list[tuple[str, Decimal | None]]:
    """(currency, rate) of every quote in PostgreSQL."""
    async with house.database.connection() as connection:
        rows = await connection.fetch("select currency, rate from quote order by currency")
    return [(row["currency"], row["rate"]) for row in rows]


async def test_a_cart_is_quoted_booked_and_charged_at_one_rate(house: House) -> None:
    opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2")
    quoted = await quotes(ann, "gbp")
    assert (quoted.total, quoted.quote.rate) == (4000, Decimal("0.8"))
    assert [(line.slot, line.price, line.base_price) for line in quoted.lines] == [
        ("A-1", 2000, 2500),
        ("A-2", 2000, 2500),
    ]
    payment = await ann.books(GBP)
    assert (payment.amount, payment.currency) == (4000, "gbp")
    assert (ann.own.total, ann.own.currency) == (4000, "gbp")
    assert (ann.own.base_currency, ann.own.rate) == ("eur", Decimal("0.8"))
    view = booking_view(ann.own)
    assert view["quote"] == {"base": "eur", "rate": "0.8", "quoted_at": view["quote"]["quoted_at"]}
    assert [item["price"] for item in view["items"]] == [{"amount": 2000, "currency": "gbp"}] * 2
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


@pytest.mark.parametrize(
    ("currency", "each"), [("gbp", 2000), ("jpy", 4013), ("kwd", 8330), ("idr", 45_000_000), ("eur", 2500)]
)
async def test_totals_are_the_sum_of_their_lines_in_every_kind_of_currency(
    house: House, currency: str, each: int
) -> None:
    opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2", "A-3")
    quoted = await quotes(ann, currency)
    assert [line.price for line in quoted.lines] == [each] * 3
    assert quoted.total == 3 * each
    await ann.books(msgspec.structs.replace(FORM, currency=currency))
    assert (ann.own.total, ann.attempt.amount, ann.attempt.currency) == (3 * each, 3 * each, currency)


async def test_the_carts_own_currency_needs_no_rate_and_no_quote(house: House) -> None:
    ann = house.buyer("ann")
    await ann.holds("A-1")
    shown = await present(ann)
    assert (shown.total, shown.quote.currency, shown.supported) == (PRICE, "eur", ["eur"])
    quoted = await quotes(ann, "eur")
    assert (quoted.total, quoted.quote.rate) == (PRICE, None)
    await ann.books(msgspec.structs.replace(FORM, currency="eur"))
    assert (ann.own.total, ann.own.base_currency, ann.own.rate) == (PRICE, None, None)
    assert booking_view(ann.own)["quote"] is None


async def test_without_a_cart_there_is_nothing_to_price(house: House) -> None:
    opens_bureau(house)
    ann = house.buyer("ann")
    with pytest.raises(Conflict):
        await quotes(ann, "gbp")
    assert await house.office.bookings.quotes.present(ann.caller) is None


@pytest.mark.parametrize("code", ["GBP", "xxx", "", "bgn", "€", "g" * 1000])
async def test_a_code_of_no_currency_is_refused_with_those_that_there_are(house: House, code: str) -> None:
    opens_bureau(house, gbp="0.8", usd="1.1")
    ann = house.buyer("ann")
    await ann.holds("A-1")
    for asked in (quotes(ann, code), ann.books(msgspec.structs.replace(FORM, currency=code))):
        with pytest.raises(InvalidFields) as refusal:
            await asked
        assert refused_field(refusal.value).endswith("it can be paid in eur, gbp, usd")
    assert await kept(house) == []


async def test_a_currency_without_a_rate_is_refused_with_those_that_have_one(house: House) -> None:
    opens_bureau(house, gbp="0.8")
    ann = house.buyer("ann")
    await ann.holds("A-1")
    with pytest.raises(InvalidFields) as refusal:
        await quotes(ann, "usd")
    assert refused_field(refusal.value) == "this cart has no price in usd; it can be paid in eur, gbp"


async def test_without_rates_the_price_lists_are_all_there_is(house: House) -> None:
    await lists(house, {"gbp": PriceList(slots={"A-1": 2100})})
    ann = house.buyer("ann")
    await ann.holds("A-1")
    assert (await present(ann)).supported == ["eur", "gbp"]
    quoted = await quotes(ann, "gbp")
    assert (quoted.total, quoted.quote.rate) == (2100, None)
    with pytest.raises(InvalidFields, match="it can be paid in eur, gbp"):
        await quotes(ann, "usd")
    await ann.books(GBP)
    assert (ann.own.total, ann.own.rate, ann.own.base_currency) == (2100, None, "eur")


async def test_a_list_goes_before_the_rate_slot_by_slot(house: House) -> None:
    opens_bureau(house)
    await lists(house, {"gbp": PriceList(slots={"A-1": 2100})})
    ann = house.buyer("ann")
    await ann.holds("A-1", "A-2")
    quoted = await quotes(ann, "gbp")
    assert [line.price for line in quoted.lines] == [2100, 2000]
    assert quoted.quote.rate == Decimal("0.8")


async def test_a_cart_that_changed_since_keeps_its_rate_and_is_totalled_anew(house: House) -> None:
    board = opens_bureau(house)
    ann = house.buyer("ann")
    first = await ann.holds("A-1")
    await quotes(ann, "gbp")
    board.moves(gbp="0.81")
    await ann.holds("A-2")
    shown = await present(ann)
    assert (shown.total, shown.quote.rate) == (4000, Decimal("0.8"))
    await house.office.holds.release(ann.caller, first.id, op=None)
    assert (await present(ann)).total == 2000
    await ann.holds("A-3")
    await ann.books(GBP)
    assert (ann.own.total, ann.own.rate) == (4000, Decimal("0.8"))


async def test_a_price_that_was_listed_stays_what_it_was_when_it_was_quoted(house: House) -> None:
    await lists(house, {"gbp": PriceList(slots={"A-1": 2100, "A-2": 2200})})
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await quotes(ann, "gbp")
    await lists(house, {"gbp": PriceList(slots={"A-1": 9900, "A-2": 9800})})
    assert (await present(ann)).total == 2100
    await ann.holds("A-2")
    assert (await present(ann)).total == 2100 + 9800
    await lists(house, {})
    await ann.books(GBP)
    assert ann.own.total == 2100 + 9800


async def test_a_rate_within_the_tolerance_keeps_the_quote(house: House) -> None:
    board = opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await quotes(ann, "gbp")
    board.moves(gbp="0.816")
    assert (await quotes(ann, "gbp")).total == 2000
    await ann.books(GBP)
    assert ann.own.total == 2000


async def test_beyond_the_tolerance_the_cart_is_quoted_anew_and_told_before_it_is_booked(
    house: House,
) -> None:
    board = opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await quotes(ann, "gbp")
    board.moves(gbp="0.9")
    with pytest.raises(Requoted):
        await validates(ann, "gbp")
    assert await kept(house) == [("gbp", Decimal("0.8"))]
    with pytest.raises(Conflict) as refusal:
        await ann.books(GBP)
    assert refusal.value.errors is not None
    assert refusal.value.errors[0].message == "was quoted anew: what was 20.00 gbp is 22.50 gbp now"
    assert await house.value("select count(*) from booking") == 0
    assert await kept(house) == [("gbp", Decimal("0.9"))]
    assert (await present(ann)).total == 2250
    assert (await validates(ann, "gbp")).total == 2250
    await ann.books(GBP)
    assert (ann.own.total, ann.own.rate) == (2250, Decimal("0.9"))


async def test_a_rate_that_moves_without_moving_the_total_is_no_news(house: House) -> None:
    board = opens_bureau(house, jpy="0.0001")
    ann = house.buyer("ann")
    await ann.holds("A-1")
    assert (await quotes(ann, "jpy")).total == 1
    board.moves(jpy="0.0002")
    await ann.books(msgspec.structs.replace(FORM, currency="jpy"))
    assert (ann.own.total, ann.own.rate) == (1, Decimal("0.0002"))


async def test_what_was_never_quoted_is_booked_at_the_rate_of_now(house: House) -> None:
    opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    assert (await validates(ann, "gbp")).total == 2000
    assert await kept(house) == []
    await ann.books(GBP)
    assert ann.own.total == 2000
    assert await kept(house) == [("gbp", Decimal("0.8"))]


async def test_validating_answers_the_price_in_the_currency_asked(house: House) -> None:
    opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await quotes(ann, "gbp")
    assert ((await validates(ann, None)).total, (await validates(ann, "eur")).total) == (2500, 2500)
    in_pounds = await validates(ann, "gbp")
    assert (in_pounds.total, in_pounds.currency, in_pounds.lines[0].price) == (2000, "gbp", 2000)
    assert await house.value("select count(*) from booking") == 0


async def test_two_tabs_quote_different_currencies_and_each_keeps_its_own(house: House) -> None:
    board = opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await asyncio.gather(quotes(ann, "gbp"), quotes(ann, "usd"))
    board.moves(gbp="0.81", usd="1.11")
    assert sorted(await kept(house)) == [("gbp", Decimal("0.8")), ("usd", Decimal("1.1"))]
    house.clock.passes(1)
    await quotes(ann, "gbp")
    assert (await present(ann)).quote.currency == "gbp"
    await ann.books(GBP)
    assert ann.own.total == 2000
    with pytest.raises(Conflict, match="booked in gbp already"):
        await ann.books(msgspec.structs.replace(FORM, currency="usd"))
    with pytest.raises(Conflict, match="booked in gbp already"):
        await validates(ann, "usd")
    again = await ann.books()  # who asks for none gets the one that stands
    assert (again.amount, again.currency) == (2000, "gbp")


async def test_two_tabs_book_in_different_currencies_at_once_and_one_booking_comes_of_it(
    house: House,
) -> None:
    opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    forms = [msgspec.structs.replace(FORM, currency=code) for code in ("gbp", "usd", "jpy")]
    outcomes = await asyncio.gather(
        *(house.office.payments.begin(ann.caller, form) for form in forms), return_exceptions=True
    )
    made = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert len(made) == 1
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)} == {Conflict}
    assert await house.value("select count(*) from booking") == 1
    await house.is_whole()


async def test_tabs_that_quote_at_once_at_different_rates_agree_on_one(house: House) -> None:
    board = opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    other = house.opens_office()
    changes_at(other.bookings, other_board := opens_bureau(house))
    changes_at(house.office.bookings, board)
    other_board.moves(gbp="0.81")
    tabs = [ann, Buyer(other, "ann")]
    quoted = await asyncio.gather(*(quotes(tab, "gbp") for tab in tabs for _ in range(4)))
    assert len({(each.total, each.quote.rate) for each in quoted}) == 1


async def test_rates_that_vanish_leave_what_was_locked_and_give_nothing_new(house: House) -> None:
    board = opens_bureau(house)
    ann, ben = house.buyer("ann"), house.buyer("ben")
    await ann.holds("A-1")
    await ben.holds("A-2")
    await quotes(ann, "gbp")
    board.closed = True
    with pytest.raises(Unavailable, match="the cart can be paid in eur") as refusal:
        await quotes(ben, "gbp")
    assert refusal.value.retry_after
    with pytest.raises(Unavailable):
        await ben.books(GBP)
    assert (await quotes(ann, "gbp")).total == 2000
    await ann.books(GBP)
    assert ann.own.total == 2000
    await ben.books()
    assert ben.own.total == PRICE


async def test_a_locked_rate_counts_as_long_as_any_rate_does(house: House) -> None:
    board = opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await quotes(ann, "gbp")
    board.closed = True
    house.clock.passes(MAX_AGE_MS / 1000 + 1)
    with pytest.raises(Unavailable):
        await ann.books(GBP)
    board.closed, board.at = False, house.clock()
    await ann.books(GBP)  # the same rate again: nothing to tell
    assert ann.own.total == 2000


async def test_an_aged_rate_is_quoted_anew_even_within_the_tolerance(house: House) -> None:
    board = opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await quotes(ann, "gbp")
    house.clock.passes(MAX_AGE_MS / 1000 + 1)
    board.at = house.clock()
    board.moves(gbp="0.801")
    with pytest.raises(Requoted, match=r"20\.00 gbp is 20\.03 gbp"):
        await ann.books(GBP)
    await ann.books(GBP)
    assert ann.own.total == 2003


async def test_holds_come_back_to_their_cart_at_the_price_and_in_the_currency_they_were_held(
    house: House,
) -> None:
    opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books(GBP)
    await ann.cancels()
    cart = await ann.cart()
    assert cart is not None
    assert (cart.currency, cart.total) == ("eur", PRICE)
    await ann.holds("A-2")
    assert (await present(ann)).total == 4000
    await ann.books(GBP)
    await ann.pays()
    assert await ann.status() == ("confirmed", "paid")
    await house.is_whole()


async def test_a_rebuilt_redis_has_the_holds_in_the_currency_of_the_cart(house: House) -> None:
    opens_bureau(house)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await ann.books(GBP)
    await house.redis.flushall()
    await house.office.holds.ensure("hall")
    await ann.cancels()
    cart = await ann.cart()
    assert cart is not None
    assert (cart.currency, cart.total) == ("eur", PRICE)
    await house.is_whole()


async def test_a_provider_that_would_not_take_it_is_asked_before_anything_is_begun(house: House) -> None:
    opens_bureau(house)

    def refuses(amount: int, currency: str) -> str | None:
        return f"{currency} is not taken" if currency == "idr" or amount < 2100 else None

    house.office.bookings.quotes._refuses = refuses
    ann = house.buyer("ann")
    await ann.holds("A-1")
    assert (await present(ann)).supported == ["eur", "jpy", "kwd", "usd"]
    for code in ("idr", "gbp"):
        with pytest.raises(InvalidFields, match=f"{code} is not taken; it can be paid in eur, jpy, kwd, usd"):
            await quotes(ann, code)
    assert await kept(house) == []


async def test_a_price_beyond_what_can_be_written_is_refused(house: House) -> None:
    opens_bureau(house, idr="1000000")
    ann = house.buyer("ann")
    await ann.holds("A-1")
    with pytest.raises(InvalidFields, match="too large; it can be paid in eur"):
        await quotes(ann, "idr")
    assert (await present(ann)).supported == ["eur"]


async def test_what_costs_nothing_costs_nothing_in_any_currency(house: House) -> None:
    opens_bureau(house)
    await house.sells(["F-1"], resource="free", price=0)
    ann = house.buyer("ann")
    await ann.holds("F-1", resource="free")
    payment = await ann.books(GBP)
    assert (payment.provider, payment.amount, payment.currency) == ("free", 0, "gbp")


async def test_a_quote_is_its_carts_alone(house: House) -> None:
    opens_bureau(house)
    ann, ben = house.buyer("ann"), house.buyer("ben")
    await ann.holds("A-1")
    await ben.holds("A-2")
    await quotes(ann, "gbp")
    assert (await present(ben)).quote.currency == "eur"
    await house.office.holds.release_cart(ann.caller, op=None)
    assert await house.office.bookings.quotes.present(ann.caller) is None
    await ann.holds("A-1")
    assert (await present(ann)).quote.currency == "eur"


async def test_a_cart_that_outgrows_its_quote_is_shown_in_its_own_currency(house: House) -> None:
    await lists(house, {"gbp": PriceList(slots={"A-1": 2100})})
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await quotes(ann, "gbp")
    await ann.holds("A-2")
    shown = await present(ann)
    assert (shown.quote.currency, shown.total, shown.supported) == ("eur", 2 * PRICE, ["eur"])
    with pytest.raises(InvalidFields):
        await ann.books(GBP)


async def test_quotes_of_ended_carts_are_swept_when_others_are_written_so_many_at_a_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens_bureau(house)
    monkeypatch.setattr(quote_store, "SWEPT", 3)
    async with house.database.transaction() as connection:
        for number in range(5):
            old = new_quote(f"BK-{number}", "eur", "gbp", 1)
            await quote_store.write(connection, old, house.clock() - KEEP_MS - 1)
            await connection.execute("update quote set keep_until = now() + interval '1 day'")
        await connection.execute("update quote set keep_until = 'epoch'")
    ann = house.buyer("ann")
    await ann.holds("A-1")
    await quotes(ann, "gbp")
    assert len(await kept(house)) == 3
    await quotes(ann, "usd")
    assert len(await kept(house)) == 2


async def test_a_place_that_another_process_has_only_just_added_is_priced_too(house: House) -> None:
    opens_bureau(house)
    other = house.opens_office()
    other.inventory.on_change = other.holds.load_edited
    house.office.inventory._clock = lambda: 0.0  # what it has in memory is fresh
    await house.office.inventory.get("hall")

    def edit(old: Resource, slots: tuple[Slot, ...]) -> tuple[ResourceDraft, tuple[Slot, ...]]:
        added = SlotDraft(id="Z-9", label="Z-9", price=PRICE)
        return head_of(old), put_in(slots, [added], currency="eur")

    await other.inventory.change("hall", edit)
    await Buyer(other, "ann").holds("Z-9")
    assert [line.slot for line in (await quotes(house.buyer("ann"), "gbp")).lines] == ["Z-9"]


async def test_a_write_that_lost_its_race_again_and_again_is_told_to_come_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_late(*_: Any) -> bool:
        return False

    opens_bureau(house)
    monkeypatch.setattr(quote_store, "write", too_late)
    ann = house.buyer("ann")
    await ann.holds("A-1")
    with pytest.raises(Conflict) as refusal:
        await quotes(ann, "gbp")
    assert refusal.value.retry_after
