"""Text messages: numbers with their country, texts that fit, and gateways as they are set up."""

import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import httpx
import pytest

from server.notices.channel import Permanent, Temporary
from server.notices.channels.circuit import Away
from server.notices.channels.sms import (
    USUAL_BODY,
    GatewaySettings,
    HttpGateway,
    Sms,
    filled,
    fitted,
    read_bodies,
    read_number,
)
from tests.notices.channels.examples import message
from tests.support.certificates import client_context
from tests.support.receiver import always, open_receiver

NUMBER = "+442079460958"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, verify=client_context()) as made:
        yield made


def sms(client: httpx.AsyncClient, url: str, body: str = USUAL_BODY, token: str = "") -> Sms:
    return Sms(HttpGateway(GatewaySettings.read(url, json.loads(body), token), client))


async def test_a_text_goes_to_the_gateway_as_json(client: httpx.AsyncClient) -> None:
    async with open_receiver(always(202)) as gateway:
        url = f"http://127.0.0.1:{gateway.port}/send?account=s3cret"
        await sms(client, url, token="t0ken").send(message("+44 20 7946-0958", key="k1"))
    (request,) = gateway.received
    assert json.loads(request.body) == {
        "to": NUMBER,
        "text": "Your booking is confirmed: Driveway 4, Sat 21 Nov, 09:00 to 17:00. See you there.",
        "id": "k1",
    }
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.headers["idempotency-key"] == "k1"


async def test_a_text_goes_to_the_gateway_as_a_form(client: httpx.AsyncClient) -> None:
    async with open_receiver(always(201)) as gateway:
        url = f"form+http://AC1:s3cret@127.0.0.1:{gateway.port}/Messages.json"
        body = '{"To": "{to}", "From": "+15005550006", "Body": "{text}"}'
        await sms(client, url, body).send(message(NUMBER, title="Hello & goodbye", text=""))
    (request,) = gateway.received
    assert parse_qs(request.body.decode()) == {
        "To": [NUMBER],
        "From": ["+15005550006"],
        "Body": ["Hello & goodbye"],
    }
    assert request.headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Permanent),
        (422, Permanent),
        (429, Temporary),
        (401, Away),
        (402, Away),
        (404, Away),
        (503, Away),
    ],
)
async def test_what_a_gateway_says_tells_whose_trouble_it_is(
    client: httpx.AsyncClient, status: int, kind: type[Exception]
) -> None:
    async with open_receiver(always(status, Retry_After="7")) as gateway:
        with pytest.raises((Permanent, Temporary)) as caught:
            await sms(client, f"http://127.0.0.1:{gateway.port}/?key=s3cret").send(message(NUMBER))
    assert type(caught.value) is kind
    assert "s3cret" not in str(caught.value)
    assert getattr(caught.value, "retry_after", None) == (7 if kind is Temporary else None)


async def test_a_gateway_that_is_not_there_is_away(client: httpx.AsyncClient) -> None:
    async with open_receiver() as gateway:
        pass
    with pytest.raises(Away, match=r"sms 127.0.0.1:\d+: ConnectError"):
        await sms(client, f"http://127.0.0.1:{gateway.port}/?key=s3cret").send(message(NUMBER))


@pytest.mark.parametrize("text", [NUMBER, "+44 (20) 7946-0958", "+44.20.7946.0958"])
def test_a_number_is_read_however_it_is_grouped(text: str) -> None:
    assert read_number(text) == NUMBER


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "020 7946 0958",
        "00442079460958",
        "+0442079460958",
        "+44207",
        "+4420794609581234",
        "+44207946095x",
        "+44\uff12079460958",
        "+44\n2079460958",
        "tel:+442079460958",
    ],
)
async def test_a_number_without_its_country_is_refused_for_good(client: httpx.AsyncClient, text: str) -> None:
    with pytest.raises(Permanent):
        await sms(client, "http://127.0.0.1:9/").send(message(text))


def test_a_text_is_cut_to_three_parts() -> None:
    assert fitted("short") == "short"
    assert len(fitted("x" * 459)) == 459
    assert fitted("x" * 460) == "x" * 456 + "..."
    assert fitted("ł" * 202) == "ł" * 198 + "..."
    assert len(fitted("🚗" * 200).encode("utf-16-le")) // 2 <= 201


def test_a_text_is_one_line() -> None:
    assert fitted("one\r\ntwo\x1b[0m") == "one two [0m"


def test_only_the_three_words_are_put_in_and_only_once() -> None:
    words = {"to": "{text}", "text": '"}, {to} {id} {0.__class__}', "id": "7"}
    template = {"a": ["{to}", {"b": "{text}!"}], "{to}": 1, "c": "{other} {0}", "d": None}
    assert filled(template, words) == {
        "a": ["{text}", {"b": '"}, {to} {id} {0.__class__}!'}],
        "{to}": 1,
        "c": "{other} {0}",
        "d": None,
    }


def test_one_body_is_for_all_gateways_or_each_has_its_own() -> None:
    usual = json.loads(USUAL_BODY)
    assert read_bodies("", 2) == [usual, usual]
    assert read_bodies("", 0) == []
    assert read_bodies(f'[{USUAL_BODY}, {{"t": "{{to}}{{text}}"}}]', 2) == [usual, {"t": "{to}{text}"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is JSON"),
        ("7", "one object"),
        ("[7]", "one object"),
        ("[]", "one object"),
        ('{"to": "{to}"}', "has {to}"),
        ('{"text": "{text}"}', "has {to}"),
    ],
)
def test_a_body_that_does_not_hold_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_bodies(text, 1)


def test_no_secret_of_a_gateway_is_shown() -> None:
    settings = GatewaySettings.read("https://sms.example/?key=s3cret", {"key": "s3cret"}, "s3cret")
    assert "s3cret" not in repr(settings)
