"""Rows 48 and 54 to 68 of the bad inputs: frames that are no message, and messages that are not ours."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import msgpack
import pytest

from tests.support.buyer import CODECS, CodecName, Tab, visiting
from tests.support.house import House


@pytest.fixture
def house(either_house: House) -> House:
    return either_house


HOLD = {"type": "hold", "resource": "hall", "ref": 7}
BAD_MSGPACK: dict[str, bytes] = {
    "truncated": msgpack.packb(HOLD)[:-3],
    "nothing": b"",
    "more after the end": msgpack.packb({"type": "extend"}) + b"\x00",
    "deep": b"\x91" * 10_000,
    "a huge array": b"\xdd\xff\xff\xff\xff\x01",
    "a huge map": b"\xdf\xff\xff\xff\xff\x01",
    "a key twice": b"\x82"
    + msgpack.packb("type")
    + msgpack.packb("extend")
    + msgpack.packb("type")
    + msgpack.packb("leave"),
    "a bytes key": msgpack.packb({b"type": "extend"}),
    "a number as key": msgpack.packb({1: "extend"}),
    "an extension": msgpack.packb({"type": "extend", "op": msgpack.ExtType(5, b"x")}),
    "a timestamp": b"\x82\xa4type\xa6extend\xa2op\xc7\x0c\xff" + struct.pack(">Iq", 10**9, 0),
    "bin for text": msgpack.packb({"type": "release", "hold": b"x"}),
    "not UTF-8": b"\x81\xa4type\xa6ext\xff\xfed",
    "a list": msgpack.packb([1]),
}
BAD_JSON: dict[str, str] = {
    "truncated": '{"type": "exte',
    "nothing": "",
    "more after the end": '{"type": "extend"} 1',
    "deep": "[" * 60_000,
    "5,000 digits": '{"type": "extend", "ref": ' + "1" * 5_000 + "}",
    "byte order mark": '\ufeff{"type": "extend"}',
    "a key twice": '{"type": "extend", "type": "leave"}',
    "NaN": '{"type": "extend", "ref": NaN}',
    "lone surrogate": '{"type": "release", "hold": "\\ud800"}',
    "NUL": '{"type": "release", "hold": "a\\u0000"}',
    "a list": "[1]",
    "null": "null",
}
BAD_FIELDS: list[dict[str, Any]] = [
    {"type": "steal", "resource": "hall"},
    {"resource": "hall"},
    {"type": 7},
    {"type": "extend", "colour": "red"},
    {"type": "hold", "items": [["A-1", 1]]},
    {"type": "hold", "resource": "hall", "items": [["A-1", 1.5]]},
    {"type": "hold", "resource": "hall", "items": [["A-1", True]]},
    {"type": "hold", "resource": "hall", "items": [["A-1", 2**63]]},
    {"type": "hold", "resource": "hall", "items": [["A-1", -0.0]]},
    {"type": "hold", "resource": "hall", "items": [["A-1", "1"]]},
    {"type": "hold", "resource": "hall", "items": "A-1"},
    {"type": "hold", "resource": "hall", "items": [["A-1", 1]], "price": 1},
    {"type": "hold", "resource": "x" * 201, "items": [["A-1", 1]]},
    {"type": "release", "hold": "x", "op": "o" * 65},
    {"type": "extend", "ref": "r" * 129},
    {"type": "subscribe", "channel": "availability:hall", "position": ["e", -1]},
    {"type": "subscribe", "channel": "availability:hall", "view": "everything"},
]


async def send_raw(tab: Tab, data: bytes | str) -> dict[str, Any]:
    await tab.socket.send(data)
    return await tab.hears("error")


BAD_FRAMES: dict[CodecName, Mapping[str, bytes | str]] = {"msgpack": BAD_MSGPACK, "json": BAD_JSON}


@pytest.mark.parametrize("codec", CODECS)
async def test_a_malformed_frame_is_a_bad_request_and_the_conversation_goes_on(
    house: House, codec: CodecName
) -> None:
    async with visiting(house.base_url, codec) as ann:
        for name, data in BAD_FRAMES[codec].items():
            tab = await ann.opens_tab()
            error = await send_raw(tab, data)
            assert (error["code"], error["retry"]) == ("bad_request", "never"), name
            assert (await tab.ask("unsubscribe", channel="availability:hall"))["type"] == "ok", name
            await tab.closes()


@pytest.mark.parametrize("codec", CODECS)
async def test_a_message_that_is_not_ours_is_a_bad_request_with_its_ref(
    house: House, codec: CodecName
) -> None:
    async with visiting(house.base_url, codec) as ann:
        for wrong in BAD_FIELDS:
            tab = await ann.opens_tab()
            refs = {} if "ref" in wrong else {"ref": "mine"}
            error = await send_raw(tab, encoded({**wrong, **refs}, codec))
            assert error["code"] == "bad_request", wrong
            assert error.get("ref") == refs.get("ref"), wrong
            await tab.closes()


def encoded(message: Any, codec: CodecName) -> bytes | str:
    if codec == "json":
        return json.dumps(message)
    packed: bytes = msgpack.packb(message)
    return packed


async def test_the_third_malformed_frame_closes(house: House) -> None:
    async with visiting(house.base_url) as ann:
        tab = await ann.opens_tab()
        for _ in range(3):
            await send_raw(tab, b"\xc1")
        assert await tab.is_closed() == 4500


@pytest.mark.parametrize(("codec", "frame"), [("msgpack", "{}"), ("json", b"{}")])
async def test_the_wrong_kind_of_frame_closes(house: House, codec: CodecName, frame: bytes | str) -> None:
    async with visiting(house.base_url, codec) as ann:
        tab = await ann.opens_tab()
        await tab.socket.send(frame)
        assert await tab.is_closed() == 1003


@pytest.mark.parametrize("codec", CODECS)
async def test_a_frame_over_64_kb_closes(house: House, codec: CodecName) -> None:
    async with visiting(house.base_url, codec) as ann:
        tab = await ann.opens_tab()
        await tab.socket.send("x" * 65_537 if codec == "json" else b"x" * 65_537)
        assert await tab.is_closed() == 1009


async def test_text_may_be_of_any_script(house: House) -> None:
    async with visiting(house.base_url, "json") as ann:
        tab = await ann.opens_tab()
        answer = await tab.ask("hold", resource="Zürich 🎭 \u202e", items=[["A-1", 1]])
        assert answer["code"] == "unknown_resource"
