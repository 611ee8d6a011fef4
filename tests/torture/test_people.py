"""The load's own eyes: what people see is right, else no history of theirs proves anything."""

import asyncio

import msgpack
import pytest

from tests.torture.matrix import matrix
from tests.torture.people.line import GONE, Line, frame
from tests.torture.people.maps import Gallery, Gap, digest


def packed(message: dict[str, object]) -> bytes:
    data: bytes = msgpack.packb(message)
    return data


def snapshot(available: list[int], held: list[int], version: int = 10) -> bytes:
    return packed(
        {
            "type": "snapshot",
            "channel": "availability:hall",
            "layout": 1,
            "epoch": "e",
            "version": version,
            "first": 0,
            "count": len(available),
            "width": 1,
            "available": bytes(available),
            "held": bytes(held),
        }
    )


def delta(since: int, to: int, changes: list[int], epoch: str = "e") -> bytes:
    return packed(
        {
            "type": "delta",
            "channel": "availability:hall",
            "epoch": epoch,
            "from": since,
            "to": to,
            "changes": changes,
        }
    )


def test_a_picture_moves_on_by_deltas_and_those_who_see_the_same_share_it() -> None:
    gallery = Gallery()
    message = snapshot([1, 1, 0], [0, 0, 1])
    ann, ben = gallery.of(message), gallery.of(bytes(message))
    assert ann is ben
    step = delta(10, 12, [0, 0, 1, 2, 1, 0])
    assert ann.becomes(step) is ben.becomes(bytes(step))
    after = ann.becomes(step)
    assert (after.version, after.available, after.held) == (12, (0, 1, 1), (1, 0, 0))
    assert after.free == [1, 2]
    assert after.digest == digest((0, 1, 1), (1, 0, 0)) != ann.digest


def test_an_old_delta_changes_nothing_and_one_too_far_ahead_is_a_gap() -> None:
    ann = Gallery().of(snapshot([1], [0]))
    assert ann.becomes(delta(5, 10, [0, 0, 1])) is ann
    assert ann.becomes(delta(8, 11, [0, 0, 1])).version == 11
    for missing in (delta(11, 12, []), delta(10, 12, [], epoch="another")):
        with pytest.raises(Gap):
            ann.becomes(missing)


def test_a_hall_is_over_when_nothing_is_left_and_nothing_may_come_back() -> None:
    gallery = Gallery()
    assert not gallery.of(snapshot([0], [1])).is_over
    assert not gallery.of(snapshot([1], [0])).is_over
    assert gallery.of(snapshot([0], [0])).is_over


def test_frames_have_a_mask_and_their_size_in_both_ways_of_writing_it() -> None:
    assert frame(b"ab") == b"\x82\x82\0\0\0\0ab"
    assert frame(b"x" * 200)[:4] == b"\x82\xfe\x00\xc8"


def test_every_cell_says_what_it_is_about_and_has_a_name_of_its_own() -> None:
    cells = matrix()
    assert {1, 2, 5, 11, 27} <= {cell.number for cell in cells}
    assert len({cell.name for cell in cells}) == len(cells)
    for cell in cells:
        assert cell.about, cell.name
        assert cell.sizes, cell.name


async def test_a_line_that_is_lost_as_soon_as_it_is_open_says_so_itself() -> None:
    async def answers_and_is_gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        writer.close()

    ended: asyncio.Queue[tuple[Line, int]] = asyncio.Queue()
    async with await asyncio.start_server(answers_and_is_gone, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        line = await Line.opens(port, lambda _payload: None, lambda *what: ended.put_nowait(what))
        assert await ended.get() == (line, GONE)
    assert not line.is_open
