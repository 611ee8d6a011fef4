"""Who is taught a script that others forget, or that nobody may teach."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from channels.cluster import SLOTS, slot_of
from channels.redis_clients import TIMEOUT_SECONDS
from server.embedded.redis import Redis as RedisServer
from server.errors import Unavailable
from server.holds import scripts as scripts_module
from server.holds.client import connect
from server.holds.pipeline import open_pipeline
from server.holds.scripts import Scripts
from server.ops.preflight import problems_of_servers
from server.settings import Settings
from tests.support.servers import freeze, thaw
from tests.support.shards import Shards

NOWHERE = "{nobody}:meta"


class _OtherVersion:
    """Passes commands on, and deletes a library as soon as it was loaded, so many times."""

    def __init__(self, client: Redis, times: int) -> None:
        self._caller = open_pipeline(client)
        self.left = times

    async def call(self, *command: Any, at: str | None = None) -> Any:
        answer = await self._caller.call(*command, at=at)
        if command[:2] == ("FUNCTION", "LOAD") and self.left:
            self.left -= 1
            await self._caller.call("FUNCTION", "DELETE", answer, at=at)
        return answer

    async def aclose(self) -> None:
        await self._caller.aclose()


@pytest.fixture
async def scripts(holds_redis: Redis) -> Scripts:
    await holds_redis.function_flush()
    return Scripts(holds_redis)


async def test_what_another_version_deletes_meanwhile_is_taught_again(
    holds_redis: Redis, scripts: Scripts
) -> None:
    """While one takes over from the other, each of its processes deletes what the other runs, once."""
    scripts._pipeline = other = _OtherVersion(holds_redis, scripts_module.TEACHINGS - 2)
    assert (await scripts.read("days", NOWHERE))[1][0] is None
    assert other.left == 0


async def test_a_script_that_is_never_kept_is_no_fault_of_ours(holds_redis: Redis, scripts: Scripts) -> None:
    scripts._pipeline = _OtherVersion(holds_redis, 1000)
    with pytest.raises(Unavailable):
        await scripts.read("days", NOWHERE)


@pytest.mark.parametrize("denied", ["fcall", "function|load", "function|list", "function|delete"])
async def test_a_user_who_may_not_teach_is_refused_at_the_start(
    redis_url: str, holds_redis: Redis, denied: str
) -> None:
    """Else the first buyer would be the one who finds out."""
    rights = ("~*", "&*", "+@all", f"-{denied}")
    command = open_pipeline(holds_redis).call
    await command("ACL", "SETUSER", "shop", "reset", "on", ">secret", *rights)
    where = redis_url.rpartition("@")[2]
    settings = Settings(redis_url=f"redis://shop:secret@{where}", payments="sandbox")
    problem = (await problems_of_servers(settings))[0]
    assert problem.startswith("REDIS_URL: its user needs FCALL and FUNCTION LOAD, LIST and DELETE")
    assert denied in problem


async def test_a_redis_that_is_slow_is_no_reason_not_to_start(spare_redis: RedisServer) -> None:
    """All of a shop may be starting at that moment."""
    freeze(spare_redis)
    asyncio.get_running_loop().call_later(1.5 * TIMEOUT_SECONDS, thaw, spare_redis)
    assert not (await problems_of_servers(Settings(redis_url=spare_redis.url, payments="sandbox")))[
        0
    ].startswith("REDIS_URL")


async def test_every_server_of_a_cluster_forgets_what_other_versions_left(tmp_path: Path) -> None:
    shards = Shards(tmp_path / "shards", masters=2, replicas=0)
    try:
        shards.start()
        await shards.join()
        client = connect(shards.url)
        of_before = "holdfast_days_" + 40 * "0"
        text = f"#!lua name={of_before}\nredis.register_function('{of_before}', function() return 1 end)"
        scripts, ask = Scripts(client), open_pipeline(client).call
        keys = [next(f"{{{n}}}:meta" for n in range(99) if half(n) == number) for number in (0, 1)]
        for key in keys:
            await ask("FUNCTION", "LOAD", text, at=key)
            await scripts.read("days", key)
        for key in keys:
            assert not await ask("FUNCTION", "LIST", "LIBRARYNAME", of_before, at=key)
            assert await ask("FUNCTION", "LIST", "LIBRARYNAME", "holdfast_days_*", at=key)
        await client.aclose()
    finally:
        shards.stop()


def half(name: int) -> int:
    """Which of two masters has it."""
    return slot_of(f"{{{name}}}") * 2 // SLOTS
