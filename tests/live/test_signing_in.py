"""A session becomes a user's (rows 97 and 99): its cart stays, and whoever else knew its token is out."""

from typing import Any

import pytest

from server.live import sessions
from tests.live.conftest import eventually
from tests.support.buyer import Buyer, Refused, visiting
from tests.support.door import bearer, jwt_of
from tests.support.house import House


async def plants(eve: Buyer, ann: Buyer) -> None:
    """Eve has Ann's browser use a session of Eve's."""
    await eve.opens_session()
    ann.session, ann.token, ann.csrf = eve.session, eve.token, eve.csrf
    ann.http.cookies = eve.http.cookies


async def refusal(buyer: Buyer, kind: str, **fields: Any) -> str:
    with pytest.raises(Refused) as refused:
        await buyer.tab.gets(kind, **fields)
    return refused.value.code


async def test_who_signs_in_keeps_the_cart_over_http(house: House) -> None:
    async with visiting(house.base_url) as ann:
        await ann.opens_session()
        held = (await ann.posts("/api/holds", {"resource": "hall", "items": [["A-1", 1]]})).json()
        ann.signs_in(jwt_of("ann"))
        cart = (await ann.reads("/api/cart")).json()["cart"]
        assert cart["reference"] == held["cart"]["reference"]
        assert [hold["id"] for hold in cart["holds"]] == [held["hold"]["id"]]
        booked = (await ann.books()).json()["booking"]
        assert booked["reference"] == cart["reference"]


async def test_who_signs_in_keeps_the_cart_over_sockets(house: House) -> None:
    async with visiting(house.base_url) as ann:
        await ann.watches("hall")
        held = await ann.holds("A-1")
        first = ann.tab
        ann.signs_in(jwt_of("ann"))
        second = await ann.opens_tab()
        assert second.welcome["cart"]["reference"] == held["cart"]["reference"]
        # The other tab has a moment to say so too; what happened meanwhile is told then.
        await ann.holds("A-2", resource="hall")
        welcome = await first.says_hello(token=jwt_of("ann"), session=ann.token)
        assert len(welcome["holds"]) == 2
        await ann.holds("A-3", resource="hall")
        await first.hears("cart", reference=held["cart"]["reference"])
        await eventually(lambda: not house.parts.live._revoked)
        assert first.closed_with is None


async def test_99_a_planted_session_is_of_no_use_to_who_planted_it(house: House) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url) as eve:
        await plants(eve, ann)
        await eve.opens_tab()
        planted = dict(eve.http.cookies)
        ann.signs_in(jwt_of("ann"))
        await ann.opens_tab()
        held = await ann.holds("A-1", resource="hall")
        # Over HTTP, with the cookie, the token, the CSRF token, or as a user of their own.
        assert (await eve.reads("/api/cart")).status_code == 401
        assert (await eve.posts("/api/cart/release")).status_code == 401
        for headers in (bearer(eve.token), bearer(jwt_of("eve"), eve.token)):
            for method, path in (("GET", "/api/cart"), ("GET", f"/api/holds/{held['hold']['id']}")):
                answer = await eve.http.request(method, path, headers=headers)
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        # Over the socket that was open before, which hears nothing of it and is sent away.
        assert await eve.tab.is_closed() == 4401
        assert {message["type"] for message in eve.tab.heard} <= {"heartbeat", "error"}
        assert not any(message.get("code") not in {None, "unauthorized"} for message in eve.tab.heard)
        # And over a new one.
        assert dict(eve.http.cookies) == planted
        for fields in ({"token": eve.token}, {"token": jwt_of("eve"), "session": eve.token}, {}):
            await eve.connects()
            assert await refusal(eve, "hello", **fields) == "unauthorized"


async def test_99_in_the_meantime_its_sockets_may_do_nothing_and_a_new_session_hears_nothing_of_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "REVOKE_SECONDS", 600.0)  # the meantime
    async with visiting(house.base_url) as ann, visiting(house.base_url) as eve:
        await plants(eve, ann)
        await eve.opens_tab()
        held = await eve.holds("A-1", resource="hall")
        ann.signs_in(jwt_of("ann"))
        await ann.opens_tab()
        assert await refusal(eve, "release", hold=held["hold"]["id"]) == "unauthorized"
        assert await refusal(eve, "extend") == "unauthorized"
        assert await refusal(eve, "subscribe", channel="availability:hall") == "unauthorized"
        await ann.holds("A-2", resource="hall")
        await ann.books()
        own = await eve.connects()
        eve.tabs.remove(own)
        first = eve.tab
        eve.http.cookies.clear()
        fresh = (await (await eve.connects()).says_hello())["token"]
        before = len(first.heard)
        assert (await first.says_hello(token=fresh))["holds"] == []
        assert {message["type"] for message in first.heard[before:]} <= {"heartbeat"}


async def test_97_a_token_that_ends_closes_its_sockets_unless_a_newer_one_came(house: House) -> None:
    async with visiting(house.base_url) as ann:
        await ann.opens_session()
        ann.signs_in(jwt_of("ann", seconds=6))
        late, renewed = await ann.opens_tab(), await ann.opens_tab()
        await renewed.gets("refresh", token=jwt_of("ann", seconds=600))
        assert (await renewed.ask("refresh", token=jwt_of("ben")))["code"] == "forbidden"
        assert await late.is_closed() == 4400
        assert late.heard[-1]["code"] == "token_expired"
        assert renewed.closed_with is None


async def test_a_wall_screen_watches_and_changes_nothing(house: House) -> None:
    async with visiting(house.base_url) as screen:
        screen.signs_in(jwt_of("screen-1", roles=("display",)))
        await screen.opens_session()
        await screen.watches("hall")
        for kind, fields in (
            ("hold", {"resource": "hall", "items": [["A-1", 1]]}),
            ("release", {"hold": "x"}),
            ("extend", {}),
        ):
            assert await refusal(screen, kind, **fields) == "forbidden"
        assert (await screen.reads("/api/cart")).status_code == 200
        for path in ("/api/holds", "/api/bookings", "/api/cart/extend", "/api/resources"):
            answer = await screen.posts(path, {})
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
        assert (await screen.changes("PUT", "/api/bookings/x/cancel")).status_code == 403
        screen.signs_in(jwt_of("screen-1", roles=("display", "buyer")))
        await screen.opens_tab()
        await screen.holds("A-1", resource="hall")


async def test_nobody_takes_what_is_their_own(house: House) -> None:
    async with visiting(house.base_url) as olga:
        await olga.opens_session()
        olga.signs_in(jwt_of("olga", roles=("owner",)))
        await olga.opens_tab()
        assert await refusal(olga, "hold", resource="hall", items=[["A-1", 1]]) == "self_booking"
        refused = await olga.posts("/api/holds", {"resource": "hall", "best": {"quantity": 1}})
        assert (refused.status_code, refused.json()["code"]) == (403, "self_booking")
        assert (await olga.reads("/api/cart")).json()["cart"] is None


async def test_nor_after_having_signed_in_with_a_cart(house: House) -> None:
    async with visiting(house.base_url) as olga:
        await olga.opens_session()
        await olga.posts("/api/holds", {"resource": "hall", "items": [["A-1", 1]]})
        olga.signs_in(jwt_of("olga", roles=("owner",)))
        customer = {"customer": {"name": "Olga", "email": "olga@example.org"}}
        for path in ("/api/bookings/validate", "/api/bookings"):
            refused = await olga.posts(path, customer)
            assert (refused.status_code, refused.json()["code"]) == (403, "self_booking"), path
        assert (await olga.posts("/api/cart/release")).status_code == 204


async def test_86_and_100_what_is_others_is_not_found_over_sockets(house: House) -> None:
    async with visiting(house.base_url) as ann, visiting(house.base_url) as eve:
        ann.signs_in(jwt_of("ann"))
        eve.signs_in(jwt_of("eve"))
        await ann.opens_tab()
        await eve.opens_tab()
        held = await ann.holds("A-1", resource="hall")
        for channel in ("notifications:ann", "notifications:nobody", "notifications:*", "notifications:"):
            answer = await eve.tab.ask("subscribe", channel=channel)
            assert (answer["type"], answer["code"], answer["retry"]) == ("error", "not_found", "never"), (
                channel
            )
        answers = [
            await eve.tab.ask("release", hold=hold) for hold in (held["hold"]["id"], "none", "*", "{}")
        ]
        for answer in answers:
            del answer["ref"]
        assert answers[0]["code"] == "not_found"
        assert all(answer == answers[0] for answer in answers)
        await eve.connects()
        assert await refusal(eve, "hello", token=jwt_of("eve"), session=ann.token) == "unauthorized"
        assert (await ann.tab.gets("subscribe", channel="notifications:ann"))["type"] == "ok"
