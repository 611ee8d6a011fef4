"""Lists of bookings: whose, which, and page by page."""

from typing import Any

import pytest

from server.accounts.rules import Caller
from server.bookings.listing import read_wanted
from server.errors import BadRequest
from tests.bookings.driveways import DRIVEWAY, OWNER, Street, at, rules
from tests.payments.house import House

OLGA = Caller(session="", user=OWNER)


@pytest.fixture
async def street(house: House) -> Street:
    """Ann booked for day 10 and day 12, Ben for day 11; one of Ann's is paid."""
    street = Street(house)
    await street.sells()
    await street.sells(rules(capacity=5), resource="garage")
    ann, ben = street.driver("ann"), street.driver("ben")
    await street.sold(ann, "09:00", "10:00")
    await street.books(ben, "09:00", "10:00", days=11, resource="garage")
    await street.books(ann, "22:00", "02:00", days=12, until=13)
    await house.execute(
        "update booking set customer = customer || '{\"name\": \"Bén 100%\"}' where session ~ 'ben'"
    )
    return street


async def _starts(street: Street, caller: Caller, **query: Any) -> list[str]:
    """The days and hours of the bookings that are listed."""
    asked = {name.rstrip("_"): str(value) for name, value in query.items()}
    page = await street.office.bookings.page(caller, read_wanted(asked))
    return [str(booking.lines[0].range[0]) for booking in page.items if booking.lines[0].range]


ANN = Caller(session="session-ann")
FIRST, SECOND, THIRD = at("09:00"), at("09:00", 11), at("22:00", 12)


async def test_each_filter_narrows_the_list(street: Street) -> None:
    assert await _starts(street, OLGA) == [THIRD, SECOND, FIRST]
    assert await _starts(street, ANN) == [THIRD, FIRST]
    assert await _starts(street, OLGA, status="confirmed") == [FIRST]
    assert await _starts(street, OLGA, status="pending,cancelled") == [THIRD, SECOND]
    assert await _starts(street, OLGA, payment_status="paid,refunded") == [FIRST]
    assert await _starts(street, OLGA, approval="awaited") == []
    assert await _starts(street, OLGA, resource="garage") == [SECOND]
    assert await _starts(street, OLGA, resource="nothing") == []
    assert await _starts(street, OLGA, status="pending", resource=DRIVEWAY) == [THIRD]


async def test_a_role_is_what_one_bought_or_what_one_sold(street: Street) -> None:
    await street.house.execute("update booking set user_id = $1 where session = 'session-ben'", OWNER)
    assert await _starts(street, OLGA, role="buyer") == [SECOND]
    assert await _starts(street, OLGA, role="owner") == [THIRD, SECOND, FIRST]
    assert await _starts(street, ANN, role="owner") == []
    assert await _starts(street, ANN, role="buyer") == [THIRD, FIRST]


async def test_from_and_to_say_when_it_takes_place_in_part_at_least(street: Street) -> None:
    assert await _starts(street, OLGA, from_=at("09:59")) == [THIRD, SECOND, FIRST]
    assert await _starts(street, OLGA, from_=at("10:00")) == [THIRD, SECOND]
    assert await _starts(street, OLGA, from_=at("00:00", 13)[:10]) == [THIRD]
    assert await _starts(street, OLGA, to=at("00:00", 11)[:10]) == [SECOND, FIRST]
    assert await _starts(street, OLGA, to=at("09:00", 11)) == [FIRST]
    assert await _starts(street, OLGA, from_=at("10:00"), to=at("22:00", 12)) == [SECOND]
    await street.house.execute("update booking set starts_at = null, ends_at = null")
    assert await _starts(street, OLGA, from_=at("00:00")) == []
    assert len(await _starts(street, OLGA)) == 3


async def test_q_finds_a_part_of_the_reference_or_of_a_customers_name(street: Street) -> None:
    assert await _starts(street, OLGA, q="bén 100%") == [SECOND]
    assert await _starts(street, OLGA, q="%") == [SECOND]
    assert await _starts(street, OLGA, q="_") == []
    reference = await street.house.value("select reference from booking where session ~ 'ben'")
    assert await _starts(street, OLGA, q=reference[3:].lower()) == [SECOND]
    assert await _starts(street, OLGA, q="  ") == [THIRD, SECOND, FIRST]
    assert await _starts(street, ANN, q="bén") == []


async def test_pages_go_on_where_the_last_ended_with_the_same_filters(street: Street) -> None:
    bookings = street.office.bookings
    first = await bookings.page(OLGA, read_wanted({"limit": "1", "resource": DRIVEWAY}))
    assert first.next is not None
    rest = await bookings.page(OLGA, read_wanted({"limit": "1", "resource": DRIVEWAY, "after": first.next}))
    assert [page.items[0].lines[0].range for page in (first, rest)] == [
        (THIRD, at("02:00", 13)),
        (FIRST, at("10:00")),
    ]
    assert rest.next is None
    assert (await bookings.page(OLGA, read_wanted({"after": "YjE"}))).items == []


@pytest.mark.parametrize("after", ["", "!", "eDE", "Yi0x", "é", "YmE", "Y" * 40, "b1", "YjE=\n"])
def test_a_forged_cursor_is_refused(after: str) -> None:
    with pytest.raises(BadRequest):
        read_wanted({"after": after})


@pytest.mark.parametrize(
    "query",
    [
        *({"limit": limit} for limit in ("-1", "0", "201", "1000000000", "1e3", "٣", "", " 5", "5.0", "x")),
        {"status": "open"},
        {"status": "pending,"},
        {"status": ""},
        {"payment_status": "PAID"},
        {"approval": "asked"},
        {"role": "operator"},
        {"from": "tomorrow"},
        {"from": "2026-02-30"},
        {"from": "2026-11-21T09:00:00"},
        {"to": "9999-12-31"},
        {"to": "0001-01-01T00:00:00Z"},
        {"from": "2026-11-22", "to": "2026-11-21"},
        {"q": "x" * 201},
    ],
)
def test_a_query_that_does_not_hold_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        read_wanted(query)


def test_both_roles_are_none() -> None:
    assert read_wanted({"role": "buyer,owner"}).role is None


async def test_a_list_is_planned_for_who_asks(street: Street) -> None:
    """A plan for anybody reads all bookings, newest first, in search of one buyer's few."""
    await _starts(street, ANN)
    async with street.house.database.connection() as connection:  # the one that was just used
        plans = await connection.fetchrow(
            "select custom_plans, generic_plans from pg_prepared_statements"
            " where statement like '%order by b.position desc limit $5'"
        )
    assert plans is not None
    assert tuple(plans) == (1, 0)
