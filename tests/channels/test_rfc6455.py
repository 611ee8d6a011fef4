"""The rules of RFC 6455 case by case, over a real connection, for both kinds of socket.

Each test is named after the section that it comes from.
"""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from channels import protocol
from channels.codec import Codec
from channels.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from channels.protocol import MAX_FRAME_BYTES
from tests.channels.raw_peer import RawPeer, handshake, masked
from tests.channels.street import End, House, next_of, serving, until

EXTEND = b'{"type":"extend","ref":"\xc3\xbc"}'
OK = {"type": "ok", "ref": "ü"}


@pytest.fixture(params=[False, True], ids=["direct", "plain"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with serving(plain=request.param) as house:
        yield house


@pytest.fixture
async def peer(house: House) -> AsyncIterator[RawPeer]:
    async with RawPeer(house.port) as peer:
        assert peer.is_accepted
        yield peer


async def understood(peer: RawPeer, *frames: bytes) -> None:
    """The frames are one message, and the conversation goes on after them."""
    peer.send(*frames)
    assert json.loads(await peer.said()) == OK
    peer.send(masked(TEXT, EXTEND))
    assert json.loads(await peer.said()) == OK


async def fails(peer: RawPeer, code: int, *frames: bytes) -> None:
    """The frames end the connection with this code, whatever comes behind them."""
    peer.send(*frames, masked(TEXT, EXTEND))
    assert await peer.ends_with() == code


# -- 4.2 the handshake ------------------------------------------------------------------------------------


async def test_4_2_2_the_answer_proves_that_the_key_was_read(house: House) -> None:
    async with RawPeer(house.port) as peer:
        assert peer.status == 101
        assert peer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert peer.headers["upgrade"].lower() == "websocket"
        assert peer.headers["connection"].lower() == "upgrade"
        assert peer.headers["sec-websocket-protocol"] == Codec.JSON.value


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["Sec-WebSocket-Version: 12"], 426),
        (["Sec-WebSocket-Version: -"], 426),
        (["Sec-WebSocket-Key: -"], 400),
        (["Sec-WebSocket-Key: c2hvcnQ="], 400),
        (["Sec-WebSocket-Key: not base64 at all ="], 400),
        (["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="] * 2, 400),
    ],
)
async def test_4_2_1_a_handshake_without_its_parts_is_refused(
    house: House, lines: list[str], status: int
) -> None:
    async with RawPeer(house.port, *lines) as peer:
        assert peer.status in {status, 400}
        if status == 426 and peer.status == 426:
            assert peer.headers["sec-websocket-version"] == "13"
    assert house.opened.empty()


async def test_4_2_1_names_and_tokens_are_read_whatever_their_case(house: House) -> None:
    async with RawPeer(house.port, "UPGRADE: WebSocket", "connection: keep-alive, UPGRADE") as peer:
        assert peer.is_accepted


async def test_4_2_2_none_of_the_offered_subprotocols_is_refused_and_none_is_made_up(house: House) -> None:
    async with RawPeer(house.port, "Sec-WebSocket-Protocol: chat, superchat") as peer:
        assert peer.status == 400
        assert "sec-websocket-protocol" not in peer.headers
        assert await peer.reader.read() == b"offer one of ours"


async def test_4_1_a_subprotocol_is_found_over_several_lines(house: House) -> None:
    lines = ["Sec-WebSocket-Protocol: chat", f"Sec-WebSocket-Protocol: other , {Codec.MSGPACK.value}"]
    async with RawPeer(house.port, *lines) as peer:
        assert peer.headers["sec-websocket-protocol"] == Codec.MSGPACK.value


async def test_9_1_an_extension_that_nobody_knows_is_declined(house: House) -> None:
    async with RawPeer(house.port, "Sec-WebSocket-Extensions: x-webkit-deflate-frame, foo; bar=1") as peer:
        assert peer.is_accepted
        assert "sec-websocket-extensions" not in peer.headers


# -- 5.1 masking ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"])
async def test_5_1_any_mask_is_taken_off(peer: RawPeer, mask: bytes) -> None:
    await understood(peer, masked(TEXT, EXTEND, mask=mask))


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
async def test_5_1_a_frame_without_a_mask_fails_with_1002(peer: RawPeer, opcode: int) -> None:
    await fails(peer, 1002, masked(opcode, unmasked=True))


# -- 5.2 the base framing protocol ------------------------------------------------------------------------


@pytest.mark.parametrize("reserved", [0x40, 0x20, 0x10, 0x70])
async def test_5_2_reserved_bits_that_nobody_agreed_on_fail_with_1002(peer: RawPeer, reserved: int) -> None:
    await fails(peer, 1002, masked(TEXT, EXTEND, reserved=reserved))


@pytest.mark.parametrize("opcode", [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF])
async def test_5_2_reserved_opcodes_fail_with_1002(peer: RawPeer, opcode: int) -> None:
    await fails(peer, 1002, masked(opcode, b"x"))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, MAX_FRAME_BYTES])
async def test_5_2_a_payload_of_each_form_of_length_is_read(peer: RawPeer, size: int) -> None:
    peer.send(masked(TEXT, b" " * size))
    answer = json.loads(await peer.said())
    assert (answer["type"], answer["code"]) == ("error", "bad_request")
    await understood(peer, masked(TEXT, EXTEND))


async def test_5_2_a_frame_is_read_byte_by_byte(peer: RawPeer) -> None:
    for byte in masked(TEXT, EXTEND):
        peer.send(bytes((byte,)))
        await asyncio.sleep(0)
    assert json.loads(await peer.said()) == OK


async def test_5_2_many_frames_in_one_piece_are_answered_in_their_order(peer: RawPeer) -> None:
    asked = [b'{"type":"extend","ref":%d}' % number for number in range(1, 300)]
    peer.send(*(masked(TEXT, each) for each in asked))
    answers = [json.loads(await peer.said())["ref"] for _ in asked]
    assert answers == list(range(1, 300))


@pytest.mark.parametrize(("codec", "first"), [(Codec.JSON, 0x81), (Codec.MSGPACK, 0x82)])
async def test_5_2_what_a_server_sends_is_final_unmasked_and_of_the_codecs_kind(
    house: House, codec: Codec, first: int
) -> None:
    async with RawPeer(house.port, head=handshake(subprotocol=codec.value)) as peer:
        (await next_of(house.opened)).answer(protocol.Ok(ref="x" * 200))
        assert (await peer.next()).first == first


# -- 5.4 fragmentation ------------------------------------------------------------------------------------


async def test_5_4_fragments_are_one_message(peer: RawPeer) -> None:
    parts = [EXTEND[place : place + 1] for place in range(len(EXTEND))]
    await understood(
        peer,
        masked(TEXT, parts[0], final=False),
        *(masked(CONTINUATION, part, final=False) for part in parts[1:-1]),
        masked(CONTINUATION, parts[-1]),
    )


async def test_5_4_empty_fragments_are_fragments(peer: RawPeer) -> None:
    await understood(
        peer,
        masked(TEXT, final=False),
        masked(CONTINUATION, EXTEND, final=False),
        masked(CONTINUATION),
    )


async def test_5_4_control_frames_come_between_fragments_and_are_answered_at_once(peer: RawPeer) -> None:
    peer.send(masked(TEXT, EXTEND[:5], final=False), masked(PING, b"between"))
    assert await peer.next() == (0x8A, b"between")
    await understood(peer, masked(CONTINUATION, EXTEND[5:]))


@pytest.mark.parametrize("final", [True, False])
async def test_5_4_a_continuation_of_nothing_fails_with_1002(peer: RawPeer, final: bool) -> None:
    await fails(peer, 1002, masked(CONTINUATION, EXTEND, final=final))


async def test_5_4_a_continuation_behind_a_whole_message_fails_with_1002(peer: RawPeer) -> None:
    await fails(peer, 1002, masked(TEXT, EXTEND), masked(CONTINUATION, EXTEND))


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_5_4_a_message_within_a_message_fails_with_1002(peer: RawPeer, opcode: int) -> None:
    await fails(peer, 1002, masked(TEXT, b"{", final=False), masked(opcode, b"}"))


async def test_5_4_fragments_together_are_bounded_and_fail_with_1009(peer: RawPeer) -> None:
    half = b" " * (MAX_FRAME_BYTES // 2)
    last = masked(CONTINUATION, b" ")
    await fails(peer, 1009, masked(TEXT, half, final=False), masked(CONTINUATION, half, final=False), last)


# -- 5.5 control frames -----------------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_5_5_a_control_frame_over_125_bytes_fails_with_1002(peer: RawPeer, opcode: int) -> None:
    await fails(peer, 1002, masked(opcode, b"x" * 126))


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_5_5_a_fragmented_control_frame_fails_with_1002(peer: RawPeer, opcode: int) -> None:
    await fails(peer, 1002, masked(opcode, final=False), masked(CONTINUATION))


@pytest.mark.parametrize("payload", [b"", b"\x00\xff\xfe not text", b"x" * 125])
async def test_5_5_2_a_ping_is_answered_with_its_own_payload(peer: RawPeer, payload: bytes) -> None:
    peer.send(masked(PING, payload))
    assert await peer.next() == (0x8A, payload)


async def test_5_5_2_pings_are_answered_in_their_order(peer: RawPeer) -> None:
    peer.send(*(masked(PING, bytes((number,))) for number in range(10)))
    assert [await peer.next() for _ in range(10)] == [(0x8A, bytes((number,))) for number in range(10)]


async def test_5_5_3_a_pong_that_nobody_asked_for_is_fine(peer: RawPeer) -> None:
    peer.send(masked(PONG, b"unasked"))
    await understood(peer, masked(TEXT, EXTEND))


# -- 5.6 and 8.1 data and UTF-8 ---------------------------------------------------------------------------


BAD_TEXT = {
    "a lone continuation byte": b"\x80",
    "cut short": b"\xce\xba\xe1",
    "overlong": b"\xc0\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "never a byte of UTF-8": b"\xfe",
}


@pytest.mark.parametrize("bad", BAD_TEXT.values(), ids=BAD_TEXT)
async def test_8_1_text_that_is_not_utf_8_fails_with_1007(peer: RawPeer, bad: bytes) -> None:
    await fails(peer, 1007, masked(TEXT, b'{"type":"' + bad))


@pytest.mark.parametrize("bad", BAD_TEXT.values(), ids=BAD_TEXT)
async def test_8_1_so_does_text_whose_fragments_are_not_together(peer: RawPeer, bad: bytes) -> None:
    await fails(peer, 1007, masked(TEXT, b'{"', final=False), masked(CONTINUATION, bad))


async def test_8_1_a_character_may_be_cut_by_fragments(peer: RawPeer) -> None:
    cut = EXTEND.index(b"\xc3") + 1
    await understood(peer, masked(TEXT, EXTEND[:cut], final=False), masked(CONTINUATION, EXTEND[cut:]))


async def test_5_6_any_bytes_are_binary(house: House) -> None:
    async with RawPeer(house.port, head=handshake(subprotocol=Codec.MSGPACK.value)) as peer:
        peer.send(masked(BINARY, b"\xff\xfe\x80"))
        assert b"bad_request" in await peer.said()


@pytest.mark.parametrize(("codec", "opcode"), [(Codec.JSON, BINARY), (Codec.MSGPACK, TEXT)])
async def test_7_4_1_the_kind_of_data_that_is_not_spoken_closes_with_1003(
    house: House, codec: Codec, opcode: int
) -> None:
    async with RawPeer(house.port, head=handshake(subprotocol=codec.value)) as peer:
        peer.send(masked(opcode, b"{}"))
        while (frame := await peer.next()).opcode != CLOSE:
            pass
        assert frame.payload[:2] == (1003).to_bytes(2, "big")


async def test_7_4_1_a_frame_over_the_limit_fails_with_1009_before_it_is_there(peer: RawPeer) -> None:
    peer.send(masked(TEXT, b" " * (MAX_FRAME_BYTES + 1))[:1000])
    assert await peer.ends_with() == 1009


# -- 7 closing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1013, 3000, 3999, 4000, 4999])
async def test_7_1_5_a_close_frame_is_answered_with_its_code(house: House, peer: RawPeer, code: int) -> None:
    peer.send(masked(CLOSE, code.to_bytes(2, "big") + "Tschüß".encode()))
    assert await peer.ends_with() == code
    assert await next_of(house.ended) == End(code, clean=True)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
async def test_7_4_2_a_code_that_nobody_may_send_fails_with_1002(peer: RawPeer, code: int) -> None:
    await fails(peer, 1002, masked(CLOSE, code.to_bytes(2, "big")))


async def test_5_5_1_a_close_frame_may_be_empty(house: House, peer: RawPeer) -> None:
    peer.send(masked(CLOSE))
    assert await peer.ends_with() in {1005, 1000}
    assert (await next_of(house.ended)).code == 1005


async def test_5_5_1_half_a_code_fails_with_1002(peer: RawPeer) -> None:
    await fails(peer, 1002, masked(CLOSE, b"\x03"))


async def test_5_5_1_a_reason_is_utf_8_or_fails_with_1007(peer: RawPeer) -> None:
    await fails(peer, 1007, masked(CLOSE, b"\x03\xe8\xff\xfe"))


async def test_5_5_1_behind_a_close_frame_nothing_is_read(house: House, peer: RawPeer) -> None:
    peer.send(masked(CLOSE, b"\x03\xe8"), masked(TEXT, EXTEND), masked(PING))
    frame = await peer.next()
    assert frame == (0x88, b"\x03\xe8")
    assert await peer.ends_with() == 1006
    assert house.received == []


async def test_7_1_1_the_server_ends_the_connection_first(peer: RawPeer) -> None:
    peer.send(masked(CLOSE, b"\x03\xe8"))
    assert (await peer.next()).opcode == CLOSE
    async with asyncio.timeout(5):
        assert await peer.reader.read() == b""


async def test_7_1_1_a_closing_server_waits_for_the_answer_and_hears_nothing_else(
    house: House, peer: RawPeer
) -> None:
    opened = await next_of(house.opened)
    opened.close(4200, "busy")
    assert (await peer.next()).payload == (4200).to_bytes(2, "big") + b"busy"
    peer.send(masked(TEXT, EXTEND), masked(CLOSE, (4200).to_bytes(2, "big")))
    assert await peer.ends_with() == 1006
    assert house.received == []
    assert await next_of(house.ended) == End(4200, clean=False)


async def test_7_1_6_a_connection_that_is_just_gone_is_not_a_clean_end(house: House, peer: RawPeer) -> None:
    await next_of(house.opened)
    peer.writer.transport.abort()
    assert not (await next_of(house.ended)).clean


async def test_7_1_6_nor_is_one_whose_other_side_is_shut(house: House, peer: RawPeer) -> None:
    await next_of(house.opened)
    peer.writer.write_eof()
    assert not (await next_of(house.ended)).clean
    await until(lambda: not house.pulse.sockets)


async def test_7_1_7_what_comes_behind_a_broken_rule_is_not_heard(house: House, peer: RawPeer) -> None:
    await fails(peer, 1002, masked(0x3), *[masked(TEXT, EXTEND)] * 500)
    assert house.received == []
