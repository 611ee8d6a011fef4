"""The catalogue: codes, ranges, and golden bytes of every message."""

import json

import msgspec
import pytest

from channels import hearing, protocol
from channels.codec import Codec, Frame, encode, little_endian, negotiate, numbers
from channels.hearing import FrameError, decode
from channels.protocol import Hello
from server import errors
from tests.channels.examples import FROM_SERVER, GOLDEN, golden, unpacked

ROWS = json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_the_golden_file_holds_every_message_of_both_directions() -> None:
    written = {(row["from"], row["value"]["type"]) for row in ROWS}
    catalogue = {("client", kind.__struct_config__.tag) for kind in protocol.CLIENT_MESSAGES}
    catalogue |= {("server", kind.__struct_config__.tag) for kind in protocol.SERVER_MESSAGES}
    assert written == catalogue


def test_the_catalogue_is_the_contracts() -> None:
    client = "hello subscribe unsubscribe hold release extend leave refresh"
    server = "welcome snapshot delta totals held hold cart booking notification heartbeat ok error goodbye"
    assert [kind.__struct_config__.tag for kind in protocol.CLIENT_MESSAGES] == client.split()
    ours = "notifications_read"  # beside the contract's: for a user's other tabs
    told = [kind.__struct_config__.tag for kind in protocol.SERVER_MESSAGES]
    assert [tag for tag in told if tag != ours] == server.split()


def test_todays_bytes_are_the_golden_bytes() -> None:
    assert json.loads(json.dumps(golden())) == ROWS


@pytest.mark.parametrize("row", [row for row in ROWS if row["from"] == "client"], ids=lambda row: row["name"])
def test_a_clients_golden_frame_reads_the_same_in_both_codecs(row: dict[str, str]) -> None:
    from_text = decode(row["json"], Codec.JSON)
    from_bytes = decode(bytes.fromhex(row["msgpack"]), Codec.MSGPACK)
    assert from_text == from_bytes
    assert type(from_text) in protocol.CLIENT_MESSAGES
    assert hearing._read_plain(row["json"], Codec.JSON) == from_text, "nobody has to look at it twice"
    assert hearing._read_plain(bytes.fromhex(row["msgpack"]), Codec.MSGPACK) == from_text


@pytest.mark.parametrize("row", [row for row in ROWS if row["from"] == "server"], ids=lambda row: row["name"])
def test_a_servers_golden_frame_says_the_same_in_both_codecs(row: dict[str, str]) -> None:
    assert unpacked(bytes.fromhex(row["msgpack"])) == json.loads(row["json"]) == row["value"]


@pytest.mark.parametrize("name", FROM_SERVER)
def test_a_frame_for_the_wire_is_the_payload_behind_the_shortest_header(name: str) -> None:
    for codec, opcode in ((Codec.MSGPACK, 0x82), (Codec.JSON, 0x81)):
        data = encode(FROM_SERVER[name], codec)
        wire = Frame(data, codec).wire
        assert wire[0] == opcode
        assert wire.endswith(data)
        assert len(wire) - len(data) == (2 if len(data) < 126 else 4)


def test_a_frame_beyond_64_kilobytes_has_the_long_header() -> None:
    wire = Frame(bytes(70_000), Codec.MSGPACK).wire
    assert wire[:10] == b"\x82\x7f" + (70_000).to_bytes(8, "big")


def test_every_error_code_agrees_with_the_refusals_of_the_server() -> None:
    refusals = {kind.code: (kind.status, kind.retry) for kind in errors.HoldfastError.__subclasses__()}
    assert dict(protocol.ERRORS) == refusals


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (1003, "stop"),
        (1006, "reconnect"),
        (1009, "stop"),
        (1012, "reconnect"),
        (4000, "reconnect"),
        (4199, "reconnect"),
        (4200, "delay"),
        (4399, "delay"),
        (4400, "refresh"),
        (4499, "refresh"),
        (4500, "stop"),
        (4999, "stop"),
    ],
)
def test_a_close_code_says_what_to_do_next_by_its_range(code: int, step: str) -> None:
    assert protocol.next_step(code) == step


def test_a_close_that_asks_for_a_delay_gives_it_in_its_reason() -> None:
    assert protocol.close_reason("too slow", 5) == "too slow; retry_after=5"
    assert protocol.close_reason("going away") == "going away"


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [
        (["holdfast.v1.json"], Codec.JSON),
        (["soap", "holdfast.v1.msgpack", "holdfast.v1.json"], Codec.MSGPACK),
        (["holdfast.v2.json"], None),
        ([], None),
    ],
)
def test_the_handshake_agrees_on_the_first_codec_we_speak(offered: list[str], agreed: Codec | None) -> None:
    assert negotiate(offered) is agreed


def test_numbers_are_little_endian_on_any_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"\x01\x00\x2c\x01"
    assert numbers(data, 2).tolist() == [1, 300]
    monkeypatch.setattr("channels.codec.sys.byteorder", "big")
    swapped = numbers(data, 2)
    assert swapped.tolist() == [256, 11265]
    assert little_endian(swapped) == data
    assert swapped.tolist() == [256, 11265]


@pytest.mark.parametrize("codec", list(Codec))
def test_what_many_say_alike_is_read_once_and_what_is_secret_is_not_kept(codec: Codec) -> None:
    def wire(**fields: object) -> bytes | str:
        return json.dumps(fields) if codec is Codec.JSON else msgspec.msgpack.encode(fields)

    follow = wire(type="subscribe", channel="availability:hall", position=["e", 1])
    first = decode(follow, codec)
    assert decode(wire(type="subscribe", channel="availability:hall", position=["e", 1]), codec) is first
    assert decode(wire(type="hello"), codec) is decode(wire(type="hello"), codec)
    for secret in (
        wire(type="hello", token="secret"),
        wire(type="hello", session="secret", token="secret"),
        wire(type="refresh", token="secret"),
        wire(type="extend", op="a"),
        wire(type="subscribe", channel="c", ref="r" * 100, view={"sections": ["s" * 200] * 3}),
    ):
        assert decode(secret, codec) == decode(secret, codec)
        assert decode(secret, codec) is not decode(secret, codec)


def test_one_codecs_words_are_not_the_others() -> None:
    """`0` of JSON is 48 of msgpack: what was read by one codec says nothing to the other."""
    text = b'{"type":"hello"}'
    assert decode(text, Codec.JSON) == Hello()
    with pytest.raises(FrameError):
        decode(text, Codec.MSGPACK)


def test_so_many_messages_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "_KNOWN_MESSAGES", 10)
    for number in range(25):
        decode(f'{{"type":"hello","ref":{number}}}', Codec.JSON)
        assert len(hearing._known_json) <= 10
