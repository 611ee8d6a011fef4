"""The load client against a server of a few lines, and the reading of its log."""

import asyncio
import os
import zlib
from pathlib import Path

import msgpack
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from bench import viewers
from bench.compiler import Missing, compiled
from bench.viewers import Replica
from bench.watchers import (
    Frame,
    Log,
    Stats,
    Watchers,
    client_frame,
    read_events,
    read_frames,
    sequences,
    server_frame,
)


def snapshot(version: int = 5, **fields: object) -> dict[str, object]:
    whole = {
        "type": "snapshot",
        "epoch": "e",
        "version": version,
        "width": 1,
        "available": b"\1\1\0",
        "held": b"\0\0\1",
    }
    return whole | fields


def delta(since: int, to: int, *changes: int) -> dict[str, object]:
    return {"type": "delta", "epoch": "e", "from": since, "to": to, "changes": list(changes)}


def logged(*stories: list[dict[str, object]]) -> viewers.Story:
    """What watchers 0, 1, … got, as if from a log."""
    frames: dict[int, Frame] = {}
    numbers: dict[bytes, int] = {}
    events: dict[int, list[tuple[int, float]]] = {}
    for watcher, messages in enumerate(stories):
        for when, message in enumerate(messages):
            data = msgpack.packb(message)
            number = numbers.setdefault(data, len(numbers) + 1)
            frames[number] = Frame(2, data, len(data) + 2, deflated=False)
            events.setdefault(watcher, []).append((number, float(when)))
    return viewers.story(Log(frames, events))


def test_deltas_are_applied_by_the_rules_of_the_protocol() -> None:
    story = logged([snapshot(), delta(5, 6, 0, 0, 1), delta(4, 6, 0, 1, 0), delta(6, 9, 2, 1, 0)])
    replica = story.replica(0)
    assert (replica.version, list(replica.available), list(replica.held)) == (9, [0, 1, 1], [1, 0, 0])


def test_wide_numbers_are_little_endian() -> None:
    assert list(viewers.numbers(b"\x2c\x01\x00\x00", 2)) == [300, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [snapshot()],
        [snapshot(), delta(7, 9, 0, 0, 1)],
        [snapshot(), delta(5, 9, 1, 0, 1)],
        [snapshot(epoch="f"), delta(5, 9, 0, 0, 1)],
    ],
    ids=["nothing", "the old map", "a gap", "another seat", "another epoch"],
)
def test_a_viewer_with_another_map_than_the_true_one_is_wrong(wrong: list[dict[str, object]]) -> None:
    right = [snapshot(), delta(5, 9, 0, 0, 1)]
    fresh = [snapshot(9, available=b"\0\1\0", held=b"\1\0\1")]
    story = logged(right, wrong, right, fresh)
    assert story.wrong(range(3), story.replica(3)) == [1]


def test_who_comes_back_goes_on_from_what_it_had() -> None:
    had = Replica("e", 5, viewers.numbers(b"\1\1\0", 1), viewers.numbers(b"\0\0\1", 1))
    story = logged([delta(5, 9, 0, 0, 1)], [snapshot(9, available=b"\0\1\0", held=b"\1\0\1")])
    assert story.wrong(range(1), story.replica(1), had) == []
    assert story.wrong(range(1), story.replica(1)) == [0]


def test_frames_of_a_log_are_read_and_inflated() -> None:
    packer = zlib.compressobj(wbits=-15)
    packed = (packer.compress(b"a" * 500) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")
    data = b"\x82\3\0\0\0abc" + b"\xc2" + len(packed).to_bytes(4, "little") + packed
    frames = read_frames(data)
    assert frames[1] == Frame(2, b"abc", 5, deflated=False)
    assert frames[2] == Frame(2, b"a" * 500, len(packed) + 2, deflated=True)


def test_events_are_told_apart_by_watcher() -> None:
    data = b"".join(
        watcher.to_bytes(4, "little") + frame.to_bytes(4, "little", signed=True) + when.to_bytes(8, "little")
        for watcher, frame, when in [(0, -1, 10**9), (7, 3, 2 * 10**9), (0, 3, 3 * 10**9)]
    )
    assert read_events(data) == {0: [(-1, 1.0), (3, 3.0)], 7: [(3, 2.0)]}
    assert sequences(Log({}, read_events(data)), [0, 7, 9]) == {(3,): [0, 7], (): [9]}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the load client needs Linux")
async def test_watchers_join_count_log_are_dropped_and_come_back(tmp_path: Path) -> None:
    try:
        compiled("watchers")
    except Missing as reason:
        pytest.skip(str(reason))
    heard: list[bytes] = []
    large = b"x" * 300_000

    async def greets(connection: ServerConnection) -> None:
        heard.append(bytes(await connection.recv(decode=False)))
        for payload in (b"a", b"b" * 300, large):
            await connection.send(payload)
        await connection.ping()
        await connection.wait_closed()

    async with serve(
        greets, "127.0.0.1", 0, subprotocols=[Subprotocol(viewers.PROTOCOL)], compression=None
    ) as server:
        port = server.sockets[0].getsockname()[1]
        watchers = await asyncio.to_thread(Watchers, port, viewers.request(port), tmp_path)
        try:
            watchers.says(client_frame(b"hello"))
            watchers.logs(on=True)
            watchers.opens(20)
            first = await asyncio.to_thread(watchers.wait, 3, 20)
            assert (first.in_time, first.open, first.frames, first.least) == (True, 20, 60, 3)
            story = await asyncio.to_thread(watchers.story)
            assert [frame.payload for frame in story.frames.values()] == [b"a", b"b" * 300, large]
            assert {len(events) for events in story.events.values()} == {5}
            watchers.drop(0, 5)
            gone: Stats = watchers.stats()
            assert (gone.open, gone.lost) == (15, 0)
            watchers.opens(5)
            again = await asyncio.to_thread(watchers.wait, 3, 20)
            assert (again.open, again.frames) == (20, 75)
        finally:
            await asyncio.to_thread(watchers.quit)
    assert heard == [b"hello"] * 25


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the load client needs Linux")
async def test_a_watcher_that_comes_back_shows_the_token_that_it_got(tmp_path: Path) -> None:
    try:
        compiled("watchers")
    except Missing as reason:
        pytest.skip(str(reason))
    shown: list[str | None] = []
    given = [f"{number}".rjust(len(viewers.TOKEN), "t") for number in range(6)]

    async def greets(connection: ServerConnection) -> None:
        hello = msgpack.unpackb(await connection.recv(decode=False))
        shown.append(hello.get("token"))
        await connection.recv()
        await connection.send(msgpack.packb({"type": "welcome", "token": given[len(shown) - 1]}))
        await connection.wait_closed()

    async with serve(
        greets, "127.0.0.1", 0, subprotocols=[Subprotocol(viewers.PROTOCOL)], compression=None
    ) as server:
        port = server.sockets[0].getsockname()[1]
        watchers = await asyncio.to_thread(Watchers, port, viewers.request(port), tmp_path)
        try:
            watchers.says(viewers.joins("hall"))
            watchers.opens(3)
            await asyncio.to_thread(watchers.wait, 1, 20)
            watchers.says(viewers.joins("hall", ("e", 1), token=viewers.TOKEN))
            watchers.drop(0, 3)
            watchers.opens(3)
            assert (await asyncio.to_thread(watchers.wait, 1, 20)).in_time
        finally:
            await asyncio.to_thread(watchers.quit)
    assert shown[:3] == [None] * 3
    assert sorted(map(str, shown[3:])) == given[:3]


@pytest.mark.parametrize("size", [2, 20, 127, 130, 240, 9_100])
def test_a_frame_of_a_size_is_one_whole_frame(size: int) -> None:
    frame = server_frame(size)
    length = frame[1] if frame[1] < 126 else int.from_bytes(frame[2:4], "big")
    head = 2 if frame[1] < 126 else 4
    assert (len(frame), frame[0], length) == (size, 0x82, size - head)
