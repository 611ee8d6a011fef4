"""Rows 25 to 39 and 43 of the bad inputs: who gets no socket, and what the refusal says."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from channels import pulse
from channels.codec import Codec
from channels.handshake import Request
from server.errors import BadRequest
from server.live.door import agreed
from server.settings import Settings
from tests.live.conftest import eventually, open_hall
from tests.support.buyer import visiting
from tests.support.house import House


@pytest.fixture
def house(either_house: House) -> House:
    return either_house


JSON = "holdfast.v1.json"


async def shake(
    house: House, *, origin: str | None = None, offered: tuple[str, ...] = (JSON,), **more: Any
) -> ClientConnection:
    query = more.pop("query", "")
    return await connect(
        house.ws_url + query,
        origin=None if origin is None else Origin(origin),
        subprotocols=[Subprotocol(name) for name in offered] or None,
        compression=more.pop("compression", None),
        **more,
    )


async def is_refused(house: House, **how: Any) -> tuple[int, dict[str, Any], Any]:
    with pytest.raises(InvalidStatus) as refused:
        await shake(house, **how)
    response = refused.value.response
    return response.status_code, json.loads(response.body or b"{}"), response.headers


def foreign(house: House) -> list[str]:
    own = house.base_url
    return [
        "https://elsewhere.example",
        "null",
        f"{own}.elsewhere.example",
        own.replace("//", "//ann@"),
        own.replace("http:", "https:"),
        own.rpartition(":")[0],
        f"{own}/",
        own.replace("127.0.0.1", "127.1"),
        own.upper(),
        "http://xn--hldfast-b1a.example",
        "",
    ]


async def test_a_foreign_page_gets_no_socket(house: House) -> None:
    async with visiting(house.base_url) as ann:
        await ann.opens_session()
        cookie = {"Cookie": f"holdfast_session={ann.token}"}
        for origin in foreign(house):
            for headers in ({}, cookie):
                status, problem, _ = await is_refused(house, origin=origin, additional_headers=headers)
                assert (status, problem["code"]) == (403, "forbidden"), origin


async def test_our_own_pages_and_programs_get_one(house: House) -> None:
    for origin in (house.base_url, None):
        async with await shake(house, origin=origin) as socket:
            assert socket.subprotocol == JSON


async def test_a_cookie_without_an_origin_gets_none(house: House) -> None:
    status, problem, _ = await is_refused(house, additional_headers={"Cookie": "holdfast_session=x"})
    assert (status, problem["code"]) == (403, "forbidden")
    async with await shake(house, additional_headers={"Cookie": "theme=dark"}) as socket:
        assert socket.subprotocol == JSON


async def test_two_origins_are_a_bad_request(house: House) -> None:
    headers = [("Origin", house.base_url), ("Origin", house.base_url)]
    with pytest.raises(InvalidStatus) as refused:
        await shake(house, additional_headers=headers)
    assert refused.value.response.status_code == 400


async def test_another_subprotocol_or_none_is_refused(house: House) -> None:
    for offered in ((), ("chat",), ("holdfast.v2.json", "HOLDFAST.V1.JSON")):
        status, problem, headers = await is_refused(house, offered=offered)
        assert (status, problem["code"]) == (400, "bad_request")
        assert "holdfast.v1.msgpack" in problem["detail"]
        assert "sec-websocket-protocol" not in headers


async def test_the_first_of_ours_is_spoken(house: House) -> None:
    async with await shake(house, offered=("chat", "holdfast.v1.msgpack", JSON)) as socket:
        assert socket.subprotocol == "holdfast.v1.msgpack"


async def test_a_token_in_the_address_is_refused(house: House) -> None:
    for name in ("token", "access_token", "jwt", "session", "ticket"):
        status, problem, _ = await is_refused(house, query=f"?{name}=secret")
        assert (status, problem["code"]) == (400, "bad_request")
        assert "secret" not in json.dumps(problem)


async def raw(house: House, *lines: str) -> bytes:
    """The first line of the answer to a handshake of these header lines."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(house.base_url.rpartition(":")[2]))
    host = house.base_url.partition("//")[2]
    head = ["GET /ws HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade", *lines]
    writer.write("\r\n".join([*head, "", ""]).encode())
    try:
        return await asyncio.wait_for(reader.readline(), 10)
    finally:
        writer.close()


MALFORMED = [
    ("Sec-WebSocket-Version: 12", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: c2hvcnQ="),
    ("Sec-WebSocket-Version: 13", *["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="] * 2),
    ("Sec-WebSocket-Version: 13",),
]


async def test_a_malformed_handshake_is_refused(house: House) -> None:
    for lines in MALFORMED:
        answer = await raw(house, *lines, f"Sec-WebSocket-Protocol: {JSON}")
        assert answer.split()[1] in {b"400", b"426"}, lines


async def test_one_address_has_so_many_sockets(settings: Settings) -> None:
    async with open_hall(settings, max_sockets_per_address=2) as house:
        async with await shake(house), await shake(house):
            status, problem, headers = await is_refused(house)
            assert (status, problem["code"]) == (429, "rate_limited")
            assert int(headers["retry-after"]) >= 1
        await eventually(lambda: not house.parts.live.addresses)
        async with await shake(house):
            assert sum(house.parts.live.addresses.values()) == 1


async def test_who_says_nothing_is_closed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "HELLO_SECONDS", 2.0)
    async with visiting(house.base_url) as ann:
        greeted = await ann.opens_tab()
        tab = await ann.connects()
        assert await tab.is_closed() == 4102  # the other's time is over by then, too
        greeted.heard.clear()
        await greeted.hears("heartbeat")
        assert greeted.closed_with is None


async def test_a_process_on_its_way_out_takes_nobody(house: House) -> None:
    house.parts.live.pulse.draining = True
    status, problem, headers = await is_refused(house)
    assert (status, problem["code"]) == (503, "overloaded")
    assert "retry-after" in headers


PATHS = pytest.mark.parametrize("plain", ["no", "yes"], ids=["direct", "plain"])


@PATHS
async def test_a_process_that_is_full_says_when_to_come_again(settings: Settings, plain: Any) -> None:
    async with open_hall(settings, max_sockets=1, plain_sockets=plain) as house:
        async with await shake(house):
            status, problem, headers = await is_refused(house)
            assert (status, problem["code"], headers["retry-after"]) == (503, "overloaded", "5")
        await eventually(lambda: not house.parts.live.pulse.sockets)
        async with await shake(house):
            pass


@PATHS
async def test_so_many_sockets_come_in_a_second(settings: Settings, plain: Any) -> None:
    async with open_hall(settings, rate_handshakes=2, plain_sockets=plain) as house:
        for _ in range(2):
            assert (await is_refused(house, offered=("chat",)))[0] == 400  # not counted
        for _ in range(2):
            await (await shake(house)).close()
        status, problem, headers = await is_refused(house)
        assert (status, problem["code"], headers["retry-after"]) == (503, "overloaded", "1")


@PATHS
async def test_the_rate_of_an_address_counts_handshakes(settings: Settings, plain: Any) -> None:
    async with open_hall(settings, rate_address=1, plain_sockets=plain) as house:
        async with await shake(house):
            status, problem, headers = await is_refused(house)
        assert (status, problem["code"]) == (429, "rate_limited")
        assert int(headers["retry-after"]) >= 1


async def test_a_foreign_host_gets_no_socket(house: House) -> None:
    status, problem, headers = await is_refused(house, additional_headers={"Host": "elsewhere.example"})
    assert (status, problem["code"]) == (400, "bad_request")
    assert headers["content-type"] == "application/problem+json"
    assert headers["cache-control"] == "no-store"
    assert len(headers["x-request-id"]) == 16


async def test_an_older_http_gets_no_socket(house: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(house.base_url.rpartition(":")[2]))
    host = house.base_url.partition("//")[2]
    head = f"GET /ws HTTP/1.0\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    writer.write(head.encode())
    assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_a_closed_socket_is_a_line_in_the_log(
    house: House, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with await shake(house):
        pass
    await eventually(lambda: not house.parts.live.addresses)
    await eventually(
        lambda: (
            "path=/ws" in capsys.readouterr().out
            or any(record.name == "holdfast.access.sockets" for record in caplog.records)
        )
    )


def test_two_origins_are_refused_by_us_too(house: House) -> None:
    origin = (b"origin", house.base_url.encode())
    protocol = (b"sec-websocket-protocol", JSON.encode())
    settings = house.parts.live.settings
    assert agreed(Request(b"GET", b"/ws", [origin, protocol]), settings) is Codec.JSON
    with pytest.raises(BadRequest):
        agreed(Request(b"GET", b"/ws", [origin, origin, protocol]), settings)
