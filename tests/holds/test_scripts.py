"""The scripts as Redis runs them: one hash tag each, found again when forgotten, refused when it is away."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis
from redis.exceptions import ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from server.embedded.redis import Redis as RedisServer
from server.errors import Overloaded, Unavailable
from server.holds.client import connect
from server.holds.pipeline import IN_FLIGHT, Pipeline
from server.holds.scripts import FOLDER, Scripts, names, or_unavailable, script
from server.holds.wire import Command, Wire
from server.settings import Settings
from tests.holds.conftest import MakeWorld
from tests.holds.grids import driveway, passes, sees, takes
from tests.holds.world import Clock, World, hall, places, rows
from tests.support.servers import freeze, thaw
from tests.support.waiting import until


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Redis]:
    """A cluster of one node with all slots: it refuses a script whose keys are of two."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = RedisServer(tmp_path, options={"cluster-enabled": "yes", "cluster-port": str(port)})
    client = connect(server.start())
    command = Pipeline(client).call
    await command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    while "cluster_state:ok" not in str(await command("CLUSTER", "INFO")):  # noqa: ASYNC110  # it tells who asks
        await asyncio.sleep(0.01)
    yield client
    await client.aclose()
    server.stop()


async def test_each_script_keeps_to_the_keys_of_one_tag(cluster: Redis) -> None:
    """Everything that can be done, once, where Redis itself refuses keys of two slots."""
    drive = driveway()
    halls = [hall("hall", rows(A=6)), hall("other", places(noon=9), kind="sessions"), drive]
    world = World(cluster, halls, Settings(), Clock())
    keeper, ann = world.keeper(world.main), world.buyer("ann")
    keeper.socket_opened("ann", "tab")
    first = await ann.holds("A-1", "A-2", op="01HX", connected=True)
    await ann.holds("noon*2", hall="other")
    await ann.extends(op="01HY")
    await ann.takes_best(2)
    await ann.releases(first, "A-1")
    await ann.leaves()
    keeper.may_have_missed()
    await keeper.read()
    await keeper.flush()
    await world.main.cart_to_book("ann")
    holds = await ann.pays("booking")
    await world.main.return_to_cart(holds, "booking")
    holds = await ann.pays("again")
    await world.main.end(holds, "again", "expired", "deadline")
    assert await world.main.retake(holds, "again", holds[0].expires_at + 1)
    await world.main.confirm(holds, "again")
    await world.main.unbook(holds, "again", "epoch-1")
    await ann.holds("A-6")
    await ann.releases_all()
    await ann.holds("A-5")
    world.time_passes(901)
    await keeper.sweep()
    await ann.holds("A-4", op="01HZ")
    await ann.releases_all()
    await ann.holds("A-4", op="01HZ")
    keeper.socket_closed("ann", "tab")
    await keeper.flush()
    await takes(world.buyer("ben"), drive, "09:00", "17:00")
    assert await sees(world, drive, "09:00", "17:00") == {(0, 1)}
    await passes(world, drive, 86_400)
    await world.main.store.release_lease("hall", "nobody's")
    for name in ("hall", "other", "drive"):
        await world.main.load(name)
        await world.main.store.forget(name)
    unknown = [name for name in names() if script(name).function not in await libraries(world.redis)]
    assert unknown == ["hold_many", "release_many", "returning"], (
        "they need keys of two tags, and were done in two calls"
    )
    assert not world.main.index.is_beside_resources


@pytest.mark.parametrize("count", [0, 15, 16, 65_535, 65_536, 1_000_000])
async def test_a_list_of_any_length_has_its_head(redis: Redis, count: int) -> None:
    """As many as an end may have to tell of in one call."""
    piece = (FOLDER / "lib" / "bytes.lua").read_text()
    head = await redis.eval(f"#!lua\n{piece}\nreturn list_head(tonumber(ARGV[1]))", 0, str(count))
    assert msgspec.msgpack.encode([None] * count)[: len(head)] == head


async def libraries(redis: Redis) -> set[str]:
    """The libraries of functions that a server knows."""
    found: list[dict[bytes, bytes] | list[bytes]] = await redis.execute_command("FUNCTION", "LIST")  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
    each = [one if isinstance(one, dict) else dict(zip(one[::2], one[1::2], strict=True)) for one in found]
    return {one[b"library_name"].decode() for one in each}


async def test_a_key_of_another_tag_would_be_refused_there(cluster: Redis) -> None:
    with pytest.raises(ResponseError, match="slot"):
        await cluster.eval("#!lua\nredis.call('GET', '{a}:x') return redis.call('GET', '{b}:x')", 1, "{a}:y")


def test_every_script_says_what_it_takes_and_answers() -> None:
    for path in FOLDER.glob("*.lua"):
        text = path.read_text()
        assert re.match(r"-- \S.*(\n-- \S.*)*\n-- uses: [a-z_ ]+\n(-- flags: .*\n)?--\n-- In:  ", text), (
            path.name
        )
        assert "\n-- Out: " in text, path.name
        assert len(text.splitlines()) < 200, path.name
    for path in (FOLDER / "lib").glob("*.lua"):
        assert path.read_text().startswith("-- "), path.name


def test_every_piece_is_used() -> None:
    used = {piece for name in names() for piece in _uses(name)}
    assert used == {path.stem for path in (FOLDER / "lib").glob("*.lua")}


def _uses(name: str) -> list[str]:
    found = re.search(r"^-- uses: (.+)$", (FOLDER / f"{name}.lua").read_text(), re.MULTILINE)
    assert found is not None
    return found[1].split()


def test_a_script_says_what_it_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "careless.lua").write_text("return 1")
    monkeypatch.setattr("server.holds.scripts.FOLDER", tmp_path)
    with pytest.raises(ValueError, match="careless"):
        script("careless")


async def test_forgotten_scripts_are_sent_again(world: World) -> None:
    await world.buyer("ann").holds("A-1")
    await world.redis.function_flush()
    await world.buyer("ann").holds("A-2")
    assert await world.of("A-2") == (0, 1, 0)


async def test_many_that_find_a_script_forgotten_are_all_served(world: World) -> None:
    await world.main.ensure("hall")
    await world.redis.function_flush()
    await asyncio.gather(*(world.buyer(f"buyer-{n}").holds(f"A-{n}") for n in (1, 2, 3)))
    assert await world.available() == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]


async def test_what_other_versions_left_is_deleted_once(world: World) -> None:
    """And who still runs it teaches its own again: two versions serve side by side."""
    await world.redis.function_flush()
    of_before = "holdfast_listing_" + 40 * "0"
    others = (of_before, "holdfast_listing_of_others", "somebodys")
    text = "#!lua name={0}\nredis.register_function{{function_name='{0}', callback=function() return 1 end}}"
    for name in others:
        await world.redis.function_load(text.format(name))
    await world.buyer("ann").cart()
    assert await libraries(world.redis) == {*others[1:], script("listing").function}
    await world.redis.function_load(text.format(of_before))
    await world.redis.function_delete(script("listing").function)
    await world.buyer("ann").cart()
    assert await libraries(world.redis) == {*others, script("listing").function}


async def test_a_redis_that_is_away_refuses_at_once_and_serves_again(spare_redis: RedisServer) -> None:
    client = connect(spare_redis.url)
    world = World(client, [hall("hall", rows(A=6))], Settings())
    ann = world.buyer("ann")
    await ann.holds("A-1")
    spare_redis.kill()
    with pytest.raises(Unavailable):
        await ann.holds("A-2")
    with pytest.raises(Unavailable):
        await ann.cart()
    with pytest.raises(Unavailable):
        await world.main.read("hall")
    spare_redis.start()

    async def serves() -> bool:
        with suppress(Unavailable):
            await ann.holds("A-3")
            return True
        return False

    await until(serves)
    await client.aclose()


async def test_a_redis_that_hangs_is_unavailable_and_a_repeat_by_op_is_safe(spare_redis: RedisServer) -> None:
    client = connect(spare_redis.url)
    world = World(client, [hall("hall", rows(A=6))], Settings())
    ann = world.buyer("ann")
    await ann.holds("A-1")
    freeze(spare_redis)
    tries = [ann.holds(f"A-{n}", op=f"op-{n}") for n in (2, 3, 4)]
    assert all(isinstance(each, Unavailable) for each in await asyncio.gather(*tries, return_exceptions=True))
    thaw(spare_redis)
    for n in (2, 3, 4):
        await ann.holds(f"A-{n}", op=f"op-{n}")
    assert await world.available() == [0, 0, 0, 0, 1, 1]
    cart = await ann.cart()
    assert cart is not None
    assert len(cart.holds) == 4
    await client.aclose()


async def test_a_full_redis_is_unavailable_for_holds_and_can_still_be_read(spare_redis: RedisServer) -> None:
    client = connect(spare_redis.url)
    world = World(client, [hall("hall", rows(A=6))], Settings())
    await world.buyer("ann").holds("A-1")
    await client.config_set("maxmemory", 1)
    with pytest.raises(Unavailable):
        await world.buyer("ann").holds("A-2")
    assert await world.available() == [0, 1, 1, 1, 1, 1]
    await client.config_set("maxmemory", 0)
    await client.config_set("min-replicas-to-write", 1)
    with pytest.raises(Unavailable, match="cannot serve"):
        await world.buyer("ann").holds("A-2")
    await client.aclose()


async def test_errors_of_our_own_are_not_hidden(holds_redis: Redis) -> None:
    with pytest.raises(ResponseError):
        await or_unavailable(Pipeline(holds_redis).call("NONSENSE"))
    with pytest.raises(ResponseError):
        await Scripts(holds_redis).command("NONSENSE")


async def test_what_many_ask_at_once_is_written_at_once(
    holds_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline(holds_redis)
    sent: list[int] = []
    send = Wire.send

    def count(wire: Wire, commands: list[Command]) -> None:
        sent.append(len(commands))
        send(wire, commands)

    monkeypatch.setattr(Wire, "send", count)
    answers = await asyncio.gather(*(pipeline.call("ECHO", str(n)) for n in range(1_000)))
    assert answers == [str(n).encode() for n in range(1_000)]
    assert sent[0] == IN_FLIGHT
    assert sum(sent) == 1_000


async def test_a_redis_that_is_silent_is_away_after_a_second(tmp_path: Path) -> None:
    """Whoever asked is told, sent or waiting; and it is asked again as soon as it is there."""
    server = RedisServer(tmp_path)
    client = connect(server.start())
    try:
        pipeline = Pipeline(client)
        assert await pipeline.call("ECHO", "x") == b"x"
        freeze(server)
        calls = [pipeline.call("ECHO", "x") for _ in range(2 * IN_FLIGHT)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)
        assert all(call.done() for call in calls), "nobody waits for a second of their own"
        assert {type(call.exception()) for call in calls} == {RedisTimeoutError}
        thaw(server)
        assert await pipeline.call("ECHO", "again") == b"again"
    finally:
        thaw(server)
        await client.aclose()
        server.stop()


async def test_a_replica_is_left_for_a_new_connection(holds_redis: Redis) -> None:
    """A failover may leave us on what is no master any more."""
    pipeline = Pipeline(holds_redis)
    await pipeline.call("ECHO", "x")
    wire = pipeline._wire
    assert wire is not None
    wire._asked.append(asyncio.get_running_loop().create_future())
    wire.data_received(b"-READONLY You can't write against a read only replica.\r\n")
    assert isinstance(await wire.lost, ReadOnlyError)
    await asyncio.sleep(0)
    assert await pipeline.call("ECHO", "again") == b"again"
    assert pipeline._wire is not wire


async def test_too_many_waiting_commands_are_refused(
    holds_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.holds.pipeline.WAITING", 2)
    pipeline = Pipeline(holds_redis)
    answers = await asyncio.gather(*(pipeline.call("ECHO", "x") for _ in range(3)), return_exceptions=True)
    assert answers[:2] == [b"x", b"x"]
    assert isinstance(answers[2], Overloaded)


async def test_a_cancelled_caller_takes_nothing_along(holds_redis: Redis) -> None:
    pipeline = Pipeline(holds_redis)
    calls = [pipeline.call("ECHO", str(n)) for n in range(10)]
    calls[2].cancel()
    await asyncio.sleep(0)
    calls[3].cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [a for a in answers if isinstance(a, bytes)] == [
        str(n).encode() for n in range(10) if n not in (2, 3)
    ]


async def test_one_failing_command_fails_alone(holds_redis: Redis) -> None:
    pipeline = Pipeline(holds_redis)
    commands = [("ECHO", "a"), ("NONSENSE",), ("ECHO", "b")]
    answers = await asyncio.gather(*(pipeline.call(*each) for each in commands), return_exceptions=True)
    assert (answers[0], answers[2]) == (b"a", b"b")
    assert isinstance(answers[1], ResponseError)


async def test_nobody_holds_a_connection_for_himself(make_world: MakeWorld) -> None:
    """A burst far larger than the pool is served."""
    world = make_world(hall("hall", places(morning=3_000), kind="sessions"), real_time=True)
    await asyncio.gather(*(world.buyer(f"buyer-{n}").holds("morning") for n in range(2_000)))
    assert await world.of("morning") == (1_000, 2_000, 0)
