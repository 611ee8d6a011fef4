import pytest

from tests.support.buyer import CODECS, CodecName, Refused, visiting
from tests.support.house import House


@pytest.mark.parametrize("codec", CODECS)
async def test_a_hold_in_one_browser_is_seen_in_another(house: House, codec: CodecName) -> None:
    async with visiting(house.base_url, codec) as ann, visiting(house.base_url) as ben:
        await ann.watches("hall")
        await ben.watches("hall")
        held = await ann.holds("A-1", "A-2")
        assert held["hold"]["status"] == "held"
        assert held["hold"]["items"] == [["A-1", 1], ["A-2", 1]]
        assert held["cart"]["reference"].startswith("BK-")
        await ben.sees("A-1", available=0, held=1)
        with pytest.raises(Refused) as refused:
            await ben.holds("A-2", "A-3")
        assert (refused.value.code, refused.value.answer["slots"]) == ("slot_taken", ["A-2"])
        await ann.releases(held)
        await ben.sees("A-1", available=1, held=0)
        await ben.sees("A-2", available=1, held=0)
