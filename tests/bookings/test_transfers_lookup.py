"""Offers are found by indices, and those to one user in as many queries as there is one of."""

from uuid import uuid4

import pytest

from server.accounts.rules import Caller
from server.bookings import transfers_store
from server.bookings.transfers import OfferRequest, Transfers
from server.database.queries import load
from server.errors import NotFound
from tests.payments.house import House

BEN = Caller(session="ben's", user="ben", name="Ben")
QUERIES = load(transfers_store.__file__, "sql/transfers.sql")


async def test_no_lookup_reads_all_offers_there_ever_were(house: House) -> None:
    async with house.database.connection() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        for query, values in ((QUERIES.find, ("hash",)), (QUERIES.find_named, (uuid4(), "ben"))):
            plan = await connection.fetch(f"explain {query}", *values)
            assert "Index" in plan[0]["QUERY PLAN"], plan


async def test_what_is_offered_to_a_user_is_listed_with_its_booking(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    transfers = Transfers(house.database, house.office.bookings, house.clock)
    offered = []
    for slot in ("A-1", "A-2"):
        ann = house.buyer(slot)
        ann.caller = Caller(session=ann.caller.session, user="ann")
        await ann.holds(slot)
        await ann.books()
        await ann.pays()
        offered.append(await transfers.offer(ann.caller, str(ann.own.id), OfferRequest(user="ben")))

    async def one_by_one(_id: object) -> None:
        raise AssertionError("a booking was read by itself")

    with monkeypatch.context() as patched:
        patched.setattr(house.office.bookings, "get", one_by_one)
        listed = await transfers.to_caller(BEN)
    assert {each.booking.id for each in listed} == {each.booking.id for each in offered}
    assert all(each.transfer.booking == each.booking.id for each in listed)
    name = str(listed[0].transfer.id)
    assert (await transfers.read(BEN, name.upper())).transfer.id == listed[0].transfer.id
    for unknown in (f"{{{name}}}", name.replace("-", ""), str(uuid4())):
        with pytest.raises(NotFound):
            await transfers.read(BEN, unknown)
