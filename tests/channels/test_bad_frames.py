"""What a client must not send: each is one typed refusal, never another error, and changes nothing."""

import contextlib
import json
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as some

from channels import hearing
from channels.codec import Codec, encode
from channels.hearing import FrameError, decode
from channels.protocol import (
    CLIENT_MESSAGES,
    MAX_FRAME_BYTES,
    MAX_NAMES,
    MAX_SAFE_INTEGER,
    Extend,
    Hold,
    Subscribe,
)

EXTEND = {"type": "extend"}


def refusal(data: bytes | str, codec: Codec) -> str:
    with pytest.raises(FrameError) as refused:
        decode(data, codec)
    answer = refused.value.answer
    assert (answer.code, answer.retry) == ("bad_request", "never")
    return answer.message


def refusals(value: dict[str, Any]) -> set[str]:
    """The refusals in both codecs of a value that both can carry."""
    return {
        refusal(json.dumps(value), Codec.JSON),
        refusal(msgpack.packb(value, unicode_errors="surrogatepass"), Codec.MSGPACK),
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        b"\x81\xa4type",
        msgpack.packb(EXTEND)[:-1],
        b"\xc1",
        b"\xa1\xff",
    ],
)
def test_truncated_msgpack_is_refused(data: bytes) -> None:
    assert "not msgpack" in refusal(data, Codec.MSGPACK)


def test_bytes_after_the_end_are_refused() -> None:
    assert "extra data" in refusal(msgpack.packb(EXTEND) + b"\x00", Codec.MSGPACK)
    assert "Extra data" in refusal('{"type":"extend"} {}', Codec.JSON)


@pytest.mark.parametrize("depth", [600, 10_000, 60_000])
def test_a_depth_bomb_is_refused(depth: int) -> None:
    refusal(b"\x91" * depth + b"\x01", Codec.MSGPACK)
    refusal(b"\x81\xa1a" * (depth // 3) + b"\x01", Codec.MSGPACK)
    refusal("[" * depth, Codec.JSON)
    refusal('{"a":' * (depth // 5) + "1" + "}" * (depth // 5), Codec.JSON)


@pytest.mark.parametrize(
    "data",
    [
        b"\xdd\xff\xff\xff\xff\x01",
        b"\xdf\xff\xff\xff\xff\xa1a",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
    ],
)
def test_a_huge_declared_size_is_refused_without_being_believed(data: bytes) -> None:
    assert "not msgpack" in refusal(data, Codec.MSGPACK)


def test_a_key_that_stands_twice_is_refused_at_any_depth() -> None:
    assert "twice" in refusal(b"\x82\xa4type\xa6extend\xa4type\xa6extend", Codec.MSGPACK)
    assert "twice" in refusal('{"type":"extend","type":"extend"}', Codec.JSON)
    assert "twice" in refusal('{"type":"hold","best":{"quantity":1,"quantity":2}}', Codec.JSON)


@pytest.mark.parametrize(
    "key", [b"\xc4\x04type", b"\x01", b"\xc0", b"\xc3", b"\x90", b"\xca\x00\x00\x00\x00"]
)
def test_a_key_that_is_not_text_is_refused(key: bytes) -> None:
    refusal(b"\x81" + key + b"\xa6extend", Codec.MSGPACK)


@pytest.mark.parametrize(
    "value",
    [
        b"\xd4\x05\x00",
        b"\xd6\xff\x00\x00\x00\x01",
        b"\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xc7\x05\x01abcde",
    ],
)
def test_extension_types_and_timestamps_are_refused(value: bytes) -> None:
    refusal(b"\x82\xa4type\xa6extend\xa3ref" + value, Codec.MSGPACK)
    refusal(value, Codec.MSGPACK)


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "-0.0", "1e308", "1.0", "9" * 400, "9" * 5000]
)
def test_no_integer_is_read_from_what_is_none(number: str) -> None:
    refusal(f'{{"type":"extend","ref":{number}}}', Codec.JSON)
    refusal(f'{{"type":"hold","resource":"r","items":[["a",{number}]]}}', Codec.JSON)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e308, 2**63, 2**53, -(2**53), True])
def test_no_integer_is_read_from_packed_floats_booleans_and_giants(number: float) -> None:
    refusal(msgpack.packb({"type": "extend", "ref": number}), Codec.MSGPACK)
    refusal(msgpack.packb({"type": "hold", "resource": "r", "items": [["a", number]]}), Codec.MSGPACK)
    refusal(msgpack.packb({"type": "subscribe", "channel": "c", "position": ["e", number]}), Codec.MSGPACK)


def test_a_version_is_not_negative() -> None:
    assert refusals({"type": "subscribe", "channel": "c", "position": ["e", -1]}) == {
        "Expected `int` >= 0 - at `$.position[1]`"
    }


def test_bytes_are_not_text() -> None:
    refusal(msgpack.packb({"type": b"extend"}), Codec.MSGPACK)
    refusal(msgpack.packb({"type": "refresh", "token": b"t"}), Codec.MSGPACK)
    refusal(msgpack.packb({"type": "extend", "op": b"x"}), Codec.MSGPACK)


@pytest.mark.parametrize("bad", ["\x00", "\ud800", "\n", "\x1b", "\x7f", "\x85"])
def test_text_with_control_characters_or_lone_surrogates_is_refused(bad: str) -> None:
    refusals({"type": "subscribe", "channel": f"availability:{bad}"})
    refusals({"type": "hold", "resource": "r", "items": [[bad, 1]]})
    refusals({"type": "extend", bad: 1})


@pytest.mark.parametrize(
    "value",
    [
        {"type": "subscribe", "channel": "😀" * 201},
        {"type": "extend", "ref": "x" * 129},
        {"type": "extend", "op": "x" * 65},
        {"type": "extend", "op": ""},
        {"type": "extend", "op": "a b"},
        {"type": "hold", "resource": ""},
        {"type": "hello", "token": "t" * 8193},
        {"type": "subscribe", "channel": "c", "view": {"sections": []}},
        {"type": "subscribe", "channel": "c", "view": {"sections": ["s"] * 101}},
        {"type": "subscribe", "channel": "c", "view": "everything"},
        {"type": "subscribe", "channel": "c", "position": ["e"]},
        {"type": "subscribe", "channel": "c", "position": ["e", 1, 2]},
        {"type": "hold", "resource": "r", "range": ["2026-01-01T00:00:00Z"]},
        {"type": "hold", "resource": "r", "best": {}},
        {"type": "hold"},
        {"type": "dance"},
        {"type": "welcome"},
        {"type": 1},
        {"type": None},
        {},
        {"ref": 1},
        {"type": "extend", "colour": "red"},
        {"type": "hold", "resource": "r", "best": {"quantity": 1, "colour": "red"}},
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_what_is_no_message_of_the_catalogue_is_refused(value: dict[str, Any]) -> None:
    assert len(refusals(value)) == 1


@pytest.mark.parametrize("value", [[], "extend", 1, None, True, [EXTEND]])
def test_what_is_no_map_is_refused(value: Any) -> None:
    refusals(value)


def test_json_has_no_byte_order_mark_and_is_utf_8() -> None:
    refusal("\ufeff" + json.dumps(EXTEND), Codec.JSON)
    refusal(b"\xff\xfe{}", Codec.JSON)
    refusal("{'type': 'extend'}", Codec.JSON)
    assert decode(json.dumps(EXTEND).encode(), Codec.JSON) == Extend()


def test_a_text_frame_is_no_msgpack() -> None:
    assert "binary" in refusal("{}", Codec.MSGPACK)


def test_a_frame_has_at_most_64_kilobytes() -> None:
    refusal(b" " * (MAX_FRAME_BYTES + 1), Codec.MSGPACK)
    refusal("é" * (MAX_FRAME_BYTES // 2 + 1), Codec.JSON)


@pytest.mark.parametrize("ref", [7, "seven", 0, MAX_SAFE_INTEGER])
def test_a_refusal_echoes_the_ref_if_that_can_be_read(ref: str | int) -> None:
    with pytest.raises(FrameError) as refused:
        decode(json.dumps({"type": "dance", "ref": ref}), Codec.JSON)
    assert refused.value.answer.ref == ref


@pytest.mark.parametrize("ref", [1.5, True, None, "x" * 129, "\x00", [], 2**60])
def test_a_refusal_does_not_echo_what_is_no_ref(ref: Any) -> None:
    with pytest.raises(FrameError) as refused:
        decode(json.dumps({"type": "dance", "ref": ref}), Codec.JSON)
    assert b'"ref"' not in encode(refused.value.answer, Codec.JSON)


def test_what_is_odd_and_right_is_read() -> None:
    assert decode('{"type":"hold","resource":"r","items":[["\u202eA-1",1]],"ref":0}', Codec.JSON) == Hold(
        resource="r", items=(("\u202eA-1", 1),), ref=0
    )
    assert decode('{"type":"subscribe","channel":"😀","view":null,"position":null}', Codec.JSON) == Subscribe(
        channel="😀"
    )


@given(some.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_refusal(data: bytes) -> None:
    for codec in Codec:
        with contextlib.suppress(FrameError):
            assert type(decode(data, codec)) in CLIENT_MESSAGES


ATOMS = some.none() | some.booleans() | some.integers(-(2**63), 2**63) | some.floats() | some.text(max_size=9)
JUNK = ATOMS | some.lists(ATOMS, max_size=3) | some.dictionaries(some.text(max_size=4), ATOMS, max_size=3)
FIELDS = some.sampled_from(sorted({name for kind in CLIENT_MESSAGES for name in kind.__struct_fields__}))
TYPES = some.sampled_from([kind.__struct_config__.tag for kind in CLIENT_MESSAGES])


@given(TYPES, some.dictionaries(FIELDS, JUNK, max_size=5))
def test_any_junk_in_any_field_is_a_message_or_a_refusal(kind: str, fields: dict[str, Any]) -> None:
    data = msgpack.packb({**fields, "type": kind}, unicode_errors="surrogatepass")
    plain = hearing._read_plain(data, Codec.MSGPACK)
    if plain is not None:
        assert plain == hearing._decode(data, Codec.MSGPACK), "the short way takes nothing else"
    with contextlib.suppress(FrameError):
        decode(data, Codec.MSGPACK)


@pytest.mark.parametrize("number", [MAX_NAMES + 1, 4_000])
def test_a_map_of_too_many_names_is_refused_at_any_depth(number: int) -> None:
    """At its head, where it has one: reading thousands of names costs more than a message may."""
    wide = {f"k{each}": 0 for each in range(number)}
    for value in (wide, {**EXTEND, "items": [wide]}):
        for said in refusals(value):
            assert "max_map_len" in said or "too many keys" in said
