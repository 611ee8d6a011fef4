"""One message's frames, shared by all sockets: websockets' client reads them, compressed and plain, mixed."""

import random

import pytest

from channels.codec import LEAST_DEFLATED, Codec, Frame, frame
from channels.protocol import Delta, Heartbeat, ServerMessage, Snapshot, Totals
from tests.channels.world import WebSocketReader

SEATS = 50_000


def hall(sold: float, held: float, *, count: int = SEATS) -> Snapshot:
    """A hall of which parties of up to six have taken this part, and others hold some."""
    dice = random.Random(5)
    available, holding = bytearray(b"\x01" * count), bytearray(count)
    taken = 0
    for start in dice.sample(range(count), count):
        if taken >= count * sold:
            break
        size = dice.choice((1, 2, 2, 2, 3, 4, 4, 6))
        taken += available.count(1, start, start + size)
        available[start : start + size] = bytes(len(available[start : start + size]))
    for place in dice.sample(range(count), int(count * held)):
        holding[place], available[place] = available[place], 0
    return Snapshot(
        channel="availability:hall",
        layout=1,
        epoch="e1",
        version=1_763_757_000_000_000,
        first=0,
        count=count,
        width=1,
        available=bytes(available),
        held=bytes(holding),
    )


def changes(count: int) -> Delta:
    flat = [number for place in range(count) for number in (place * 7, place % 2, 1 - place % 2)]
    return Delta(channel="availability:hall", epoch="e1", from_=1_000_000, to=1_000_400, changes=flat)


@pytest.mark.parametrize("codec", Codec)
def test_a_client_reads_the_same_from_compressed_and_plain_frames_mixed(codec: Codec) -> None:
    client, dice = WebSocketReader(codec), random.Random(1)
    messages: list[ServerMessage] = [hall(0.5, 0.02, count=2000), changes(300), changes(3), changes(300)]
    messages.append(
        Totals(channel="c", epoch="e", version=1, sections={f"s{n}": (n, 0, 9) for n in range(99)})
    )
    made = [frame(message, codec) for message in messages]
    for one in dice.choices(made, k=60):
        wire = dice.choice((one.wire, one.deflated_wire))
        assert client.read(wire) == one.data


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("sold", [0.0, 0.5, 0.95])
def test_a_snapshot_of_fifty_thousand_seats_has_at_most_20_kb_on_the_wire(codec: Codec, sold: float) -> None:
    one = frame(hall(sold, 0.02), codec)
    assert len(one.deflated_wire) <= 20_000
    assert WebSocketReader().read(one.deflated_wire) == one.data


def test_compressed_frames_are_whole_final_and_marked() -> None:
    for codec, opcode in ((Codec.JSON, 1), (Codec.MSGPACK, 2)):
        wire = frame(hall(0.5, 0.02), codec).deflated_wire
        assert wire[0] == 0x80 | 0x40 | opcode
        assert not wire.endswith(b"\x00\x00\xff\xff")


def test_what_does_not_pay_is_not_compressed() -> None:
    small = frame(Heartbeat(server_time=1), Codec.JSON)
    packed = frame(changes(300), Codec.MSGPACK)
    noise = Frame(random.Random(2).randbytes(1000), Codec.MSGPACK, level=1)
    for one in (small, packed, noise):
        assert one.deflated_wire is one.wire
    assert len(small.data) < LEAST_DEFLATED


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_every_length_of_a_plain_frame_is_read(size: int) -> None:
    data = random.Random(3).randbytes(size)
    assert WebSocketReader(deflates=False).read(Frame(data, Codec.MSGPACK).wire) == data


@pytest.mark.parametrize("size", [150, 5_000, 90_000])
def test_every_length_of_a_compressed_frame_is_read(size: int) -> None:
    data = bytes(random.Random(4).choices(b"0123456789,", k=size))
    one = Frame(data, Codec.JSON, level=1)
    assert len(one.deflated_wire) < len(one.wire)
    assert WebSocketReader().read(one.deflated_wire) == data


def test_a_frame_is_compressed_once() -> None:
    one = frame(changes(300), Codec.JSON)
    assert one.deflated_wire is one.deflated_wire
