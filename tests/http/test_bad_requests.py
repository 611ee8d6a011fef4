"""Rows 7 to 10, 13, 14, 19 to 21 and 24 of the bad inputs: requests as bytes, at a whole house's real port.

1 to 6 are with the deadlines and bounds of a head and a body, in test_connection.py. Each of these is
answered by what is no 5xx, and what comes after one that has no clear end is not taken for a request.
"""

import asyncio
import re
from urllib.parse import urlsplit

import pytest

from tests.support.house import House

LAST = b"GET /healthz HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
POST = b"POST /api/sessions HTTP/1.1\r\nHost: %s\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: %s\r\n"

REFUSED: dict[str, bytes] = {
    "7: a length, and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "7: chunks, and a length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "8: two lengths": POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
    "8: two lengths in one": POST + b"Content-Length: 0, 5\r\n\r\n",
    "8: a length with a sign": POST + b"Content-Length: +0\r\n\r\n",
    "8: a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "9: unknown encoding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "9: no size of a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "14: NUL in a header": GET + b"X-Name: a\x00b\r\n\r\n",
    "14: a bare CR in a header": GET + b"X-Name: a\rX-Other: b\r\n\r\n",
    "14: no name": GET + b": b\r\n\r\n",
    "14: a space before the colon": GET + b"Content-Length : 5\r\n\r\n",
    "20: another version": b"GET /healthz HTTP/9.9\r\nHost: %s\r\n\r\n",
    "20: no version": b"GET /healthz\r\n\r\n",
    "20: a method of small letters": b"get /healthz HTTP/1.1\r\nHost: %s\r\n\r\n",
}

FOREIGN: dict[str, bytes] = {
    "10: no host": b"GET /api/resources HTTP/1.1\r\n\r\n",
    "11: two hosts": b"GET /api/resources HTTP/1.1\r\nHost: %s\r\nHost: %s\r\n\r\n",
    "13: another's address": b"GET http://evil.example/api/cart HTTP/1.1\r\nHost: evil.example\r\n\r\n",
}


async def sends(house: House, data: bytes) -> tuple[list[int], str]:
    """The statuses of what comes back until the server closes, and all of it."""
    parts = urlsplit(house.base_url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        async with asyncio.timeout(60):
            writer.write(data.replace(b"%s", parts.netloc.encode()))
            text = (await reader.read()).decode("latin-1")
    finally:
        writer.close()
    return [int(status) for status in re.findall(r"HTTP/1\.1 (\d{3}) ", text)], text


async def test_7_to_14_a_request_that_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_heard(
    holdfast: House, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, request in REFUSED.items():
        statuses, text = await sends(holdfast, request + LAST)
        assert statuses == [400], (name, statuses, text)
    assert "request failed" not in capsys.readouterr().out  # it is no fault of ours


async def test_10_to_13_a_request_for_nobody_or_somebody_else_is_refused(holdfast: House) -> None:
    for name, request in FOREIGN.items():
        statuses, text = await sends(holdfast, request + LAST)
        assert statuses == [400, 200], (name, text)


async def test_19_a_method_that_a_route_has_not_is_told_which_it_has(holdfast: House) -> None:
    for method, path in (("TRACE", "/api/cart"), ("PUT", "/api/resources"), ("DELETE", "/healthz")):
        request = f"{method} {path} HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        statuses, text = await sends(holdfast, request.encode())
        assert statuses == [405], (method, path)
        assert re.search(r"^allow: .*GET", text, re.MULTILINE | re.IGNORECASE), text
    statuses, _ = await sends(holdfast, b"CONNECT evil.example:443 HTTP/1.1\r\nHost: %s\r\n\r\n" + LAST)
    assert statuses[0] in {400, 404, 405}


async def test_20_old_and_lax_requests_are_answered_or_refused_and_no_fault(holdfast: House) -> None:
    for request in (
        b"GET /healthz HTTP/1.0\r\nHost: %s\r\n\r\n",
        GET.replace(b"\r\n", b"\n") + b"\n" + LAST,
        GET + b"X-Folded: a\r\n b\r\n\r\n" + LAST,
        b"\r\n\r\n" + LAST,
    ):
        statuses, text = await sends(holdfast, request)
        assert statuses, request
        assert set(statuses) <= {200, 400}, text


async def test_21_requests_that_come_all_at_once_are_answered_in_turn(holdfast: House) -> None:
    """A thousand here. One line waits its turn; how much an address may ask for is row 103."""
    statuses, _ = await sends(holdfast, (GET + b"\r\n") * 999 + LAST)
    assert statuses == [200] * 1_000


async def test_24_a_query_of_ten_thousand_parameters_is_refused(holdfast: House) -> None:
    for parameters, refused in ((2_000, 400), (10_000, 431)):
        query = "&".join(f"p{place}=1" for place in range(parameters))
        head = f"GET /api/resources?{query} HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
        statuses, _ = await sends(holdfast, head.encode())
        assert statuses == [refused]
