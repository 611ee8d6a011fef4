"""What a connection's first bytes decide: plain handshakes are read at once, all else is uvicorn's."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import reception
from channels.direct import DirectSocket
from channels.frames import TEXT
from channels.handshake import Request, read_head
from channels.heads import KNOWN, KNOWN_BYTES, MAX_PLAIN_BYTES, Heads, Own
from channels.reception import Reception
from tests.channels.raw_peer import KEY, PATIENCE, handshake, masked
from tests.channels.street import House, serving, until

HELLO = masked(TEXT, b'{"type":"hello"}')


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with serving() as house:
        yield house


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was given to the HTTP class."""
    given: list[bytes] = []
    real = Reception._let_http

    def let_http(self: Reception, data: bytes) -> None:
        given.append(data)
        real(self, data)

    monkeypatch.setattr(Reception, "_let_http", let_http)
    return given


async def first_line(house: House, *parts: bytes) -> bytes:
    """The first line of the answer to what is sent so, each part by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.05)
    try:
        return await asyncio.wait_for(reader.readline(), PATIENCE)
    finally:
        writer.close()


async def test_a_plain_handshake_meets_no_parser(house: House, parsed: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(handshake())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101")
    assert b"\r\ndate:" not in answer.lower()
    writer.write(HELLO)
    assert b'"welcome"' in await reader.readuntil(b"}")
    assert [type(each) for each in house.server.server_state.connections] == [DirectSocket]
    assert parsed == []
    writer.close()


async def test_one_in_two_pieces_is_shaken_all_the_same(house: House, parsed: list[bytes]) -> None:
    head = handshake()
    assert await first_line(house, head[:30], head[30:]) == b"HTTP/1.1 101 Switching Protocols\r\n"
    assert parsed == [head[:30]]


async def test_what_is_no_handshake_is_http(house: House, parsed: list[bytes]) -> None:
    page = b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n"
    assert await first_line(house, page) == b"HTTP/1.1 200 OK\r\n"
    assert await first_line(house, b"nonsense\r\n\r\n") == b"HTTP/1.1 400 Bad Request\r\n"
    assert len(parsed) == 2


async def test_who_says_nothing_at_all_is_closed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "FIRST_SECONDS", 2.0)
    another, mute = [await asyncio.open_connection("127.0.0.1", house.port) for _ in range(2)]
    another[1].write(handshake())
    assert (await another[0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    assert await asyncio.wait_for(mute[0].read(), PATIENCE) == b""  # the other's time is over by then, too
    another[1].write(HELLO)
    assert b'"welcome"' in await another[0].readuntil(b"}")
    monkeypatch.setattr(reception, "FIRST_SECONDS", 0.1)
    first = await asyncio.open_connection("127.0.0.1", house.port)
    await asyncio.sleep(0.05)  # whose time ends later than the first one's, and by the same timer
    second = await asyncio.open_connection("127.0.0.1", house.port)
    for reader, _ in (first, second):
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
    for _, writer in (mute, another, first, second):
        writer.close()


async def test_who_goes_without_a_word_is_forgotten(house: House) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", house.port)
    await until(lambda: house.server.server_state.connections)
    (waiting,) = house.server.server_state.connections
    assert waiting in waiting._house.first_word._due
    writer.close()
    await until(lambda: not house.server.server_state.connections)
    assert not waiting._house.first_word._due


async def test_a_server_that_ends_does_not_wait_for_a_first_word(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "FIRST_SECONDS", 3_600.0)
    house.server.config.timeout_graceful_shutdown = 3_600
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    await until(lambda: house.server.server_state.connections)
    house.server.should_exit = True
    assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
    writer.close()


# -- what is plain -----------------------------------------------------------------------------------------


def read(head: bytes) -> Own | None:
    return Heads("/ws").read(head)


def all_of(found: Own) -> list[tuple[bytes, bytes]]:
    """All headers that were read, in the order of their names."""
    request, key, cookie = found
    own = [(b"sec-websocket-key", key), *([(b"cookie", cookie.encode("latin-1"))] if cookie else [])]
    return sorted([*request.headers, *own])


def test_a_plain_head_is_read_as_the_parser_reads_it() -> None:
    head = handshake("Cookie:a=b; c=d \t", "X-Twice: 1", "x-twice:\t2", "Empty:", "Words: \xe9\xff~")
    head = head.decode().encode("latin-1")
    found, whole = read(head), read_head(head)
    assert found is not None
    assert all_of(found) == sorted(whole.headers)
    request, key, cookie = found
    assert (request.method, request.target) == (whole.method, whole.target)
    assert request.values(b"x-twice") == [b"1", b"2"]
    assert (key, cookie) == (KEY, "a=b; c=d")


ODD = {
    "another path": lambda head: head.replace(b"/ws ", b"/echo "),
    "a longer path": lambda head: head.replace(b"/ws ", b"/ws/ "),
    "a query": lambda head: head.replace(b"/ws ", b"/ws?a=b "),
    "another method": lambda head: head.replace(b"GET", b"PUT"),
    "an older HTTP": lambda head: head.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "not all of it": lambda head: head[:-1],
    "more behind it": lambda head: head + b"\x00",
    "a second request": lambda head: head * 2,
    "something before it": lambda head: b"\r\n" + head,
    "lines ended by LF": lambda head: head.replace(b"\r\n", b"\n"),
    "a bare CR": lambda head: head.replace(b"Host: ", b"Host: a\rb"),
    "a bare LF": lambda head: head.replace(b"Host: ", b"Host: a\nb"),
    "a NUL": lambda head: head.replace(b"Host: ", b"Host: \0"),
    "a DEL": lambda head: head.replace(b"Host: ", b"Host: \x7f"),
    "a folded line": lambda head: head.replace(b"Host: ", b"X: y\r\n z\r\nHost: "),
    "a blank before the colon": lambda head: head.replace(b"Host:", b"Host :"),
    "a line without a colon": lambda head: head.replace(b"Host:", b"Host"),
    "a line without a name": lambda head: head.replace(b"Host:", b":"),
    "a name of other letters": lambda head: head.replace(b"Host:", b"H\xf6st:"),
    "no upgrade": lambda head: head.replace(b"Upgrade: websocket\r\n", b""),
    "two upgrades": lambda head: head.replace(b"Upgrade: w", b"Upgrade: h2c\r\nUpgrade: w"),
    "another upgrade": lambda head: head.replace(b"websocket", b"h2c, websocket"),
    "no connection": lambda head: head.replace(b"Connection: Upgrade\r\n", b""),
    "another connection": lambda head: head.replace(b"Connection: Upgrade", b"Connection: keep-alive"),
    "two connections": lambda head: head.replace(b"Connection:", b"Connection: close\r\nConnection:"),
    "a body": lambda head: head.replace(b"Host:", b"Content-Length: 5\r\nHost:"),
    "a body of nothing": lambda head: head.replace(b"Host:", b"Content-Length: 0\r\nHost:"),
    "a body in chunks": lambda head: head.replace(b"Host:", b"Transfer-Encoding: chunked\r\nHost:"),
    "a key too short": lambda head: head.replace(KEY, KEY[4:]),
    "no key": lambda head: head.replace(b"Sec-WebSocket-Key: " + KEY + b"\r\n", b""),
    "two keys": lambda head: head.replace(b"Host:", b"Sec-WebSocket-Key: " + KEY + b"\r\nHost:"),
    "two lines of cookies": lambda head: head.replace(b"Host:", b"Cookie: a=b\r\nCookie: c=d\r\nHost:"),
    "another version": lambda head: head.replace(b"Version: 13", b"Version: 8"),
    "two versions": lambda head: head.replace(b"Host:", b"Sec-WebSocket-Version: 13\r\nHost:"),
    "expectations": lambda head: head.replace(b"Host:", b"Expect: 100-continue\r\nHost:"),
    "too much of it": lambda head: head.replace(b"Host:", b"X: " + b"y" * MAX_PLAIN_BYTES + b"\r\nHost:"),
}


@pytest.mark.parametrize("what", list(ODD))
def test_what_is_odd_is_for_a_whole_parser(what: str) -> None:
    """Neither at first nor once the usual one is known."""
    heads, odd = Heads("/ws"), ODD[what](handshake())
    assert odd != handshake()
    assert heads.read(odd) is None
    assert heads.read(handshake()) is not None
    assert heads.read(odd) is None


@given(st.binary(max_size=40), st.integers(0, 200), st.integers(0, 10))
def test_whatever_is_put_into_a_head_is_read_alike_or_not_at_all(junk: bytes, place: int, cut: int) -> None:
    """No line ends anywhere else than where a strict reader ends it."""
    head = handshake()
    spoilt = head[:place] + junk + head[place + cut :]
    heads = Heads("/ws")
    heads.read(head)
    found = heads.read(spoilt)
    if found is None:
        return
    lines = spoilt.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    pairs = [(line.partition(b":")[0].lower(), line.partition(b":")[2].strip(b" \t")) for line in lines]
    assert all_of(found) == sorted(pairs)


# -- what is remembered ------------------------------------------------------------------------------------


def test_what_many_say_alike_is_read_once() -> None:
    heads, head = Heads("/ws"), handshake("Cookie: a=1")
    first = heads.read(head)
    again = heads.read(head.replace(b"a=1", b"a=2 ").replace(KEY, b"AAAAAAAAAAAAAAAAAAAAAA=="))
    other = heads.read(handshake("User-Agent: another"))
    assert first is not None
    assert again is not None
    assert other is not None
    assert again[0] is first[0]
    assert again[1:] == (b"AAAAAAAAAAAAAAAAAAAAAA==", "a=2")
    assert other[0] is not first[0]
    assert other[2] == ""


def moved_behind_the_end(head: bytes) -> bytes:
    key = b"\r\nSec-WebSocket-Key: " + KEY
    return head.replace(key, b"").removesuffix(b"\r\n") + key + b"\r\n"


def said_twice(head: bytes) -> bytes:
    key = b"\r\nSec-WebSocket-Key: " + KEY
    return head.replace(key, key * 2)


@pytest.mark.parametrize("spoil", [moved_behind_the_end, said_twice])
def test_what_is_known_is_known_by_where_its_key_stands(spoil: Callable[[bytes], bytes]) -> None:
    """Without its key it says to the letter what a good one said."""
    heads = Heads("/ws")
    assert heads.read(handshake()) is not None
    assert heads.read(spoil(handshake())) is None


def test_the_name_of_a_line_is_not_taken_for_the_end_of_another() -> None:
    heads = Heads("/ws")
    for line, value in (("X: a\r\nCookie: b=c", "a"), ("X: aCookie", "aCookie")):
        found = heads.read(handshake(line))
        assert found is not None
        assert found[0].value(b"x") == value


def test_no_more_is_remembered_than_fits_and_no_secret_of_anybody() -> None:
    heads = Heads("/ws")
    for line in ("X: " + "y" * KNOWN_BYTES, "Authorization: Basic YTpi", "Proxy-Authorization: Basic YTpi"):
        assert heads.read(handshake(line)) is not None
    assert not heads._known
    assert heads.read(handshake("Cookie: holdfast_session=secret")) is not None
    assert b"secret" not in repr(heads._known).encode()
    for number in range(KNOWN + 1):
        heads.read(handshake(f"X: {number}"))
    assert 0 < len(heads._known) <= KNOWN


def test_a_request_knows_a_header_said_twice() -> None:
    request = Request(b"GET", b"/ws?a=b", [(b"a", b"1"), (b"b", b"2"), (b"a", b"3")])
    assert request.values(b"a") == [b"1", b"3"]
    assert (request.value(b"a"), request.value(b"c"), request.query) == ("1", "", b"a=b")
