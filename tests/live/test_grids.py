"""A driveway's week between browsers: held by range, seen by the others, over the socket and HTTP."""

import pytest

from tests.live.driveway import WEEK, at, draft, index_of
from tests.support.buyer import CODECS, CodecName, Refused, visiting
from tests.support.house import House


@pytest.fixture
async def drive(house: House) -> House:
    await house.parts.inventory.create(draft())
    return house


@pytest.mark.parametrize("codec", CODECS)
async def test_a_range_held_in_one_browser_is_seen_in_another(drive: House, codec: CodecName) -> None:
    async with visiting(drive.base_url, codec) as ann, visiting(drive.base_url, codec) as ben:
        await ann.opens_tab()
        week, tab = await ben.watches("drive"), ben.tab
        assert (week.first, len(week.available)) == (index_of("00:00", 0), WEEK)
        span = [at("09:00", 2), at("17:00", 2)]
        held = await ann.tab.gets("hold", resource="drive", range=span)
        assert held["hold"]["items"] == [[span[0].replace(".000Z", "Z"), 1]]
        assert list(held["hold"]["range"]) == span
        assert held["hold"]["price"] == {"amount": 3200, "currency": "gbp"}
        start = index_of("09:00", 2) - week.first
        await tab.until(lambda: week.held[start : start + 16] == [1] * 16)
        assert sum(week.held) == 16
        with pytest.raises(Refused) as refused:
            await tab.gets("hold", resource="drive", range=[at("16:30", 2), at("18:00", 2)])
        assert refused.value.code == "slot_taken"
        assert refused.value.answer["slots"] == [at("16:30", 2).replace(".000Z", "Z")]
        with pytest.raises(Refused) as refused:
            await ann.tab.gets("release", hold=held["hold"]["id"], items=held["hold"]["items"])
        assert refused.value.code == "invalid_range"
        again = await ann.opens_tab()  # a second tab: its welcome names the hold as it is shown everywhere
        assert again.welcome["holds"][0]["items"] == held["hold"]["items"]
        await ann.tab.gets("release", hold=held["hold"]["id"])
        await tab.until(lambda: sum(week.held) == 0)


async def test_far_days_are_a_view_of_their_own(drive: House) -> None:
    async with visiting(drive.base_url) as ann, visiting(drive.base_url) as ben:
        await ann.opens_tab()
        name = at("00:00", 20)[:10]
        tab = await ben.opens_tab()
        day = await tab.watches("drive", view={"sections": [name]})
        assert (day.first, len(day.available)) == (index_of("00:00", 20), 48)
        await ann.tab.gets("hold", resource="drive", range=[at("09:00", 20), at("10:00", 20)])
        await tab.until(lambda: sum(day.held) == 2)
        sums = await (await ben.opens_tab()).watches("drive", view="totals")
        assert sums.totals is not None
        assert len(sums.totals) == 31
        assert list(sums.totals[name]) == [46, 2, 48]
        with pytest.raises(Refused) as refused:
            await tab.gets("subscribe", channel="availability:drive", view={"sections": ["2001-01-01"]})
        assert refused.value.code == "not_found"


async def test_ranges_over_http(drive: House) -> None:
    async with visiting(drive.base_url) as ann, visiting(drive.base_url) as ben:
        await ann.opens_session()
        await ben.opens_session()
        wanted = {"resource": "drive", "range": [at("22:00", 9), at("02:00", 10)]}
        made = await ann.posts("/api/holds", wanted)
        assert made.status_code == 201, made.text
        hold = made.json()["hold"]
        assert (hold["items"], hold["range"]) == (
            [[at("22:00", 9).replace(".000Z", "Z"), 1]],
            wanted["range"],
        )
        again = await ann.posts(
            "/api/holds", {**wanted, "range": [at("22:00", 9)[:-1] + "+00:00", at("02:00", 10)]}
        )
        assert (again.status_code, again.json()["hold"]["id"]) == (200, hold["id"])
        assert (await ann.reads("/api/cart")).json()["cart"]["holds"] == [again.json()["hold"]]
        refused = await ben.posts("/api/holds", wanted)
        assert (refused.status_code, refused.json()["code"]) == (409, "slot_taken")
        for body in ({"items": [[hold["items"][0][0], 1]]}, {"best": {"quantity": 1}}):
            refused = await ben.posts("/api/holds", {"resource": "drive", **body})
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid_range"), body
        on_a_hall = await ben.posts("/api/holds", {**wanted, "resource": "hall"})
        assert (on_a_hall.status_code, on_a_hall.json()["code"]) == (422, "invalid_range")
        for span in ([at("02:00", 10), at("22:00", 9)], [at("09:10", 3), at("10:00", 3)], ["soon", "later"]):
            refused = await ben.posts("/api/holds", {"resource": "drive", "range": span})
            assert refused.status_code == 422, (span, refused.text)


async def test_the_live_arrays_of_some_days(drive: House) -> None:
    async with visiting(drive.base_url) as ann:
        await ann.opens_session()
        await ann.posts("/api/holds", {"resource": "drive", "range": [at("09:00", 9), at("10:00", 9)]})
        week = (await ann.reads("/api/resources/drive/availability")).json()
        assert (week["first"], len(week["available"]), sum(week["held"])) == (index_of("00:00", 0), WEEK, 0)
        query = f"?from={at('00:00', 9)[:10]}&to={at('00:00', 10)[:10]}"
        days = (await ann.reads(f"/api/resources/drive/availability{query}")).json()
        assert (days["first"], len(days["available"])) == (index_of("00:00", 9), 96)
        assert days["held"] == [0] * 18 + [1] * 2 + [0] * 76
        assert days["available"] == [1] * 18 + [0] * 2 + [1] * 76
        assert (days["epoch"], days["layout"]) == (week["epoch"], 1)
