"""Row 105 of the bad inputs: what we call for users is what was judged, and it cannot hold us up."""

import os
from collections.abc import Sequence

import pytest

from server.http.outgoing import ANSWER_LIMIT, NoAnswer, Outgoing, Reply
from server.http.public_addresses import AddressRefused
from tests.support.certificates import client_context, server_context
from tests.support.receiver import Received, always, open_receiver, response

LONG = 60.0


class Names:
    """A resolver that answers as a test says; each answer is given once, the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def outgoing(*answers: Sequence[str], loopback: bool = True, seconds: float = LONG) -> Outgoing:
    resolve = Names(*answers) if answers else None
    return Outgoing(loopback=loopback, resolve=resolve, trust=client_context(), seconds=seconds)


async def post(out: Outgoing, url: str, body: bytes = b"{}") -> Reply:
    try:
        return await out.post(url, body, {"Content-Type": "application/json"})
    finally:
        out.close()


async def test_a_request_arrives_with_its_name_its_body_and_nothing_of_ours() -> None:
    async with open_receiver(always(200, b"taken"), server_context("hooks.example")) as there:
        url = f"https://hooks.example:{there.port}/in?a=1"
        reply = await post(outgoing(["127.0.0.1"]), url, b'{"a":1}')
    assert (reply.status, reply.ok, reply.body) == (200, True, b"taken")
    (request,) = there.received
    assert request.headers.pop("host") == f"hooks.example:{there.port}"
    assert (request.method, request.path, request.body, request.sni) == (
        "POST",
        "/in?a=1",
        b'{"a":1}',
        "hooks.example",
    )
    assert set(request.headers) == {
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "user-agent",
    }


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["0.0.0.0", "fe80::1%eth0"],
    ],
)
async def test_a_name_that_leads_inside_is_not_called(addresses: list[str]) -> None:
    async with open_receiver(tls=server_context("hooks.example")) as there:
        with pytest.raises(AddressRefused):
            await post(outgoing(addresses, loopback=False), f"https://hooks.example:{there.port}/")
    assert there.connections == 0


async def test_a_name_that_leads_elsewhere_a_moment_later_gains_nothing() -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    out = Outgoing(loopback=True, resolve=names, trust=client_context())
    async with (
        open_receiver(tls=server_context("hooks.example")) as judged,
        open_receiver(tls=server_context("hooks.example", "127.0.0.2"), host="127.0.0.2") as rebound,
    ):
        assert (await post(out, f"https://hooks.example:{judged.port}/")).ok
    assert names.asked == ["hooks.example"]
    assert (judged.connections, rebound.connections) == (1, 0)


async def test_of_a_name_only_the_addresses_that_may_be_called_are() -> None:
    async with open_receiver() as there:
        reply = await post(outgoing(["10.0.0.1", "127.0.0.1"]), f"http://hooks.example:{there.port}/")
    assert reply.ok


async def test_the_next_address_is_tried_where_one_takes_no_connection() -> None:
    async with open_receiver() as there:
        reply = await post(outgoing(["127.0.0.9", "127.0.0.1"]), f"http://hooks.example:{there.port}/")
    assert reply.ok


async def test_a_certificate_of_another_name_is_no_answer() -> None:
    async with open_receiver(tls=server_context("other.example")) as there:
        with pytest.raises(NoAnswer):
            await post(outgoing(["127.0.0.1"]), f"https://hooks.example:{there.port}/")
    assert there.received == []


async def test_an_unknown_authority_is_no_answer() -> None:
    out = Outgoing(loopback=True, resolve=Names(["127.0.0.1"]))
    async with open_receiver(tls=server_context("hooks.example")) as there:
        with pytest.raises(NoAnswer):
            await post(out, f"https://hooks.example:{there.port}/")
    assert there.received == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    async with open_receiver() as inside:
        moved = always(status, Location=f"http://127.0.0.1:{inside.port}/")
        async with open_receiver(moved) as there:
            reply = await post(outgoing(), f"http://127.0.0.1:{there.port}/")
    assert (reply.status, reply.ok, inside.connections) == (status, False, 0)


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_receiver(always(418)) as proxy, open_receiver() as there:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setitem(os.environ, name, f"http://127.0.0.1:{proxy.port}")
        assert (await post(outgoing(), f"http://127.0.0.1:{there.port}/")).ok
    assert proxy.connections == 0


async def test_an_answer_without_end_is_cut_off() -> None:
    def endless(_request: Received) -> bytes:
        return b"HTTP/1.1 200 So\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (4 * ANSWER_LIMIT)

    async with open_receiver(endless) as there:
        reply = await post(outgoing(), f"http://127.0.0.1:{there.port}/")
    assert len(reply.body) == ANSWER_LIMIT


async def test_packed_answers_are_not_unpacked() -> None:
    async with open_receiver(always(200, b"\x1f\x8b bomb", Content_Encoding="gzip")) as there:
        reply = await post(outgoing(), f"http://127.0.0.1:{there.port}/")
    assert reply.body == b"\x1f\x8b bomb"


async def test_who_never_answers_is_left() -> None:
    async with open_receiver(lambda _request: None) as there:
        with pytest.raises(NoAnswer, match="in time"):
            await post(outgoing(seconds=0.05), f"http://127.0.0.1:{there.port}/")


@pytest.mark.parametrize("raw", [b"", b"\x00\xff\r\n\r\n", b"HTTP/1.1 200 So\r\nContent-Length: 9\r\n\r\nx"])
async def test_an_answer_that_is_none_is_no_answer(raw: bytes) -> None:
    async with open_receiver(lambda _request: raw) as there:
        with pytest.raises(NoAnswer) as caught:
            await post(outgoing(), f"http://127.0.0.1:{there.port}/?secret=1")
    assert "secret" not in str(caught.value)


async def test_a_name_that_leads_nowhere_is_no_answer() -> None:
    with pytest.raises(NoAnswer):
        await post(outgoing([]), "https://hooks.example/")


async def test_the_system_is_asked_for_names_by_default() -> None:
    async with open_receiver(lambda _request: response(200)) as there:
        assert (await post(outgoing(), f"http://localhost:{there.port}/")).ok
