"""What is one buyer's is in no frame of another's, from the hold to the confirmed booking."""

import json
from typing import Any

from tests.support.buyer import visiting
from tests.support.house import House

CANARIES = ("Canary Songbird", "canary@example.com", "a canary of a wish")


async def test_nobody_hears_whose_a_place_is(house: House) -> None:
    heard: list[dict[str, Any]] = []
    async with visiting(house.base_url, "json") as ben, visiting(house.base_url) as ann:
        await ben.watches("hall")
        ben.tab.on_message = heard.append
        await ann.watches("hall")
        held = await ann.holds("A-1")
        await ben.sees("A-1", available=0, held=1)
        customer = {"name": CANARIES[0], "email": CANARIES[1]}
        made = (await ann.books(customer=customer, special_requests=CANARIES[2])).json()
        await ann.posts(f"/api/sandbox/payments/{made['payment']['id']}", {"outcome": "succeed"})
        await ann.tab.hears("booking", id=made["booking"]["id"], status="confirmed")
        await ben.sees("A-1", available=0, held=0)
        names = [ann.session, ann.token, held["hold"]["id"], held["cart"]["reference"]]
        names += [made["booking"]["id"], made["payment"]["id"]]
    told = json.dumps(heard)
    assert "delta" in told
    assert [name for name in (*CANARIES, *names) if name in told] == []
