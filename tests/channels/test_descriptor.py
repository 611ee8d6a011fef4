"""Frames that go past the transport: whole and in order, whatever the kernel takes and whoever goes.

On both event loops, for which of their bytes a transport holds back is each one's own affair, and by every
way of sending one frame to many.
"""

import asyncio
import os
import socket as sockets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from channels import handshake, protocol
from channels.descriptor import NO_DESCRIPTOR, NOT_SENT_LOW_WATER, keep_little
from channels.direct import DirectSocket
from server.http import connection
from tests.channels.hall import Street, on_every_way
from tests.channels.raw_peer import RawPeer
from tests.channels.street import End, next_of, until
from tests.support.certificates import client_context, server_context


async def fill(street: Street, socket: DirectSocket) -> None:
    """Changes until the peer's buffers are full."""
    for _ in range(2000):
        await street.changes(slots=500)
        if not socket.ready:
            return
    raise AssertionError("it never filled")


@on_every_way
async def test_a_tick_goes_past_the_transports(street: Any) -> None:
    async with street() as here, RawPeer(here.house.port) as peer:
        socket = await here.follows()
        await peer.said()
        with here.spied_on() as spy:
            await here.changes()
        assert [descriptor for descriptor, _ in spy.written] == [socket.descriptor]
        assert b'"delta"' in await peer.said()


def test_a_listener_that_is_no_tcp_is_taken_as_it_is() -> None:
    with sockets.socket(sockets.AF_UNIX) as listener:
        keep_little(listener)


@on_every_way
async def test_a_frame_follows_what_was_answered_in_the_same_turn(street: Any) -> None:
    async with street() as here, RawPeer(here.house.port) as peer:
        socket = await here.follows()
        await peer.said()
        for ref in range(50):
            socket.answer(protocol.Ok(ref=ref))
            await here.changes()
        for ref in range(50):
            assert b'"ref":%d}' % ref in await peer.said()
            assert b'"delta"' in await peer.said()


@on_every_way
async def test_what_the_kernel_does_not_take_follows_by_the_transport(street: Any) -> None:
    async with street() as here:
        mute = here.mute()
        await here.follows()
        for taken in (0, 1, 60, -1):
            with here.spied_on(most=taken) as spy:
                for _ in range(5):
                    await here.changes()
            assert len(spy.written) == (5 if taken else 0)
        await mute.reads(lambda: mute.story.count(b'"delta"') == 20)
        assert here.is_shown_by(mute.story)


@on_every_way
async def test_whoever_was_not_served_by_a_failed_tick_lags_and_is_caught_up_by_the_next(street: Any) -> None:
    async with street() as here:
        mute = here.mute()
        await here.follows()
        with here.spied_on() as spy:
            spy.sender = None
            await here.changes()
        await here.changes()
        await mute.reads(lambda: b'"delta"' in mute.story)
        assert here.is_shown_by(mute.story)


@on_every_way
async def test_who_is_full_is_passed_over_and_holds_one_frame_then_gets_all_in_one(street: Any) -> None:
    async with street() as here:
        mute = here.mute()
        socket = await here.follows()
        with here.spied_on() as spy:
            await fill(here, socket)
            version, count = here.scene.truth.version, len(spy.written)
            assert 0 < (socket.waiting_bytes() or 0) < 10_000  # the rest of the last frame, at most
            for _ in range(20):
                await here.changes()
            assert len(spy.written) == count
        assert socket.waiting_bytes() < 10_000
        await mute.reads(
            lambda: mute.story.endswith(b"]}") and socket.ready and b'"from":%d,' % version in mute.story
        )
        assert here.is_shown_by(mute.story)


@on_every_way
async def test_who_is_ready_has_nothing_waiting_whatever_was_written_before(street: Any) -> None:
    async with street() as here:
        mute = here.mute()
        socket = await here.follows()
        error = protocol.Error(code="internal", message="x" * 700, retry="later")
        with here.spied_on() as spy:
            for _ in range(3000):
                socket.answer(error)
                assert not (socket.ready and socket.waiting_bytes())
                if not socket.ready:
                    break
            assert socket.waiting_bytes()
            await here.changes()
            assert not spy.written
        await mute.reads(lambda: mute.story.endswith(b"]}"))
        assert here.is_shown_by(mute.story)


@contextmanager
def long_answers() -> Iterator[None]:
    """Handshakes are answered with more than the kernel takes at once."""
    answer = handshake.switching

    def long_answer(accepted: bytes, *arguments: Any, **named: Any) -> bytes:
        return answer(accepted + b"\r\nx-long: " + b"x" * 4_000_000, *arguments, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(handshake, "switching", long_answer)
        yield


@on_every_way
async def test_a_handshake_that_is_not_out_yet_is_waited_for(street: Any) -> None:
    with long_answers():
        async with street() as here:
            mute = here.mute()
            socket = await here.follows()
            assert not socket.ready
            with here.spied_on() as spy:
                await here.changes()
                assert not spy.written
            mute.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 1 << 20)
            await mute.reads(lambda: not mute.story.startswith(b"HTTP") and mute.story.endswith(b"}"))
            await until(lambda: socket.ready)
            assert here.is_shown_by(mute.story)


@on_every_way
async def test_one_that_http_has_read_is_not_waited_for_by_http_any_more(street: Any) -> None:
    with long_answers(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(connection, "UNREAD_SECONDS", 0.05)
        async with street() as here:
            mute = here.mute(query="?a=b")
            socket = await here.follows()
            assert not socket.ready
            await asyncio.sleep(0.1)
            mute.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 1 << 20)
            await mute.reads(lambda: not mute.story.startswith(b"HTTP") and mute.story.endswith(b"}"))
            await until(lambda: socket.ready)
            assert here.is_shown_by(mute.story)


@on_every_way
async def test_one_that_was_reset_ends_by_its_transport_and_disturbs_nobody(street: Any) -> None:
    async with street() as here, RawPeer(here.house.port) as peer:
        staying = await here.follows()
        await peer.said()
        mute = here.mute()
        going = await here.follows()
        number = going.descriptor
        mute.resets()
        with here.spied_on() as spy:
            await here.changes()
        assert spy.refused == [number]
        assert [descriptor for descriptor, _ in spy.written] == [staying.descriptor]
        assert await next_of(here.house.ended) == End(1006, clean=False)
        assert going.closed_with == 1006
        assert here.scene.hub._followed.keys() == {staying, going}, "nobody was dropped as broken"
        assert b'"delta"' in await peer.said()


@on_every_way
async def test_nothing_is_written_to_who_has_closed_nor_to_who_has_its_number_next(street: Any) -> None:
    async with street() as here:
        mute = here.mute()
        socket = await here.follows()
        number = socket.descriptor
        socket.close(4200, "busy")
        with here.spied_on() as spy:
            await here.changes()
            mute.resets()
            await next_of(here.house.ended)
            await until(lambda: socket not in here.house.server.server_state.connections)
            assert socket.descriptor == NO_DESCRIPTOR
            await asyncio.sleep(0)
            opened = [os.open(os.devnull, os.O_WRONLY)]
            while opened[-1] != number and len(opened) < 100:
                opened.append(os.open(os.devnull, os.O_WRONLY))
            await here.changes()
            for each in opened:
                os.close(each)
        assert number in opened
        assert not spy.written


@on_every_way
async def test_with_tls_everything_goes_through_the_transport(street: Any) -> None:
    async with (
        street(tls=server_context("127.0.0.1")) as here,
        here.house.connect(ssl=client_context(), compression=None) as client,
    ):
        socket = await here.follows()
        assert socket.descriptor == NO_DESCRIPTOR
        await client.recv()
        with here.spied_on() as spy:
            for _ in range(10):
                assert socket.ready
                await here.changes()
        assert not spy.written
        for _ in range(10):
            assert '"delta"' in str(await client.recv())


@on_every_way
async def test_little_waits_in_the_kernel_for_whoever_came(street: Any) -> None:
    """No connection is told so itself: it inherits that from where it came to."""
    async with street() as here, RawPeer(here.house.port):
        socket = await here.follows()
        accepted = sockets.socket(fileno=os.dup(socket.descriptor))
        with accepted:
            option = accepted.getsockopt(sockets.IPPROTO_TCP, sockets.TCP_NOTSENT_LOWAT)
        assert option == NOT_SENT_LOW_WATER
