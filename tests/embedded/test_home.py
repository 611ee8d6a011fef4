from pathlib import Path

import pytest

from server.embedded.home import Home
from server.embedded.process import EmbeddedError
from tests.support.servers import open_redis


async def test_its_servers_keep_their_state_between_demos(tmp_path: Path) -> None:
    with Home(tmp_path / ".holdfast") as home:
        async with open_redis(home.redis_url()) as client:
            await client.set("seat", "A-12")
    with Home(tmp_path / ".holdfast") as home:
        async with open_redis(home.redis_url()) as client:
            assert await client.get("seat") == b"A-12"


async def test_a_reset_forgets_everything(tmp_path: Path) -> None:
    with Home(tmp_path / ".holdfast") as home:
        secret = home.secret("secret-key")
        async with open_redis(home.redis_url()) as client:
            await client.set("seat", "A-12")
    with Home(tmp_path / ".holdfast") as home:
        home.reset()
        assert home.secret("secret-key") != secret
        async with open_redis(home.redis_url()) as client:
            assert await client.get("seat") is None


def test_its_database_is_stopped_with_it(tmp_path: Path) -> None:
    with Home(tmp_path / ".holdfast") as home:
        assert home.database_url().startswith("postgresql://")
        assert (home.folder / "postgresql" / "postgresql.log").exists()
    assert "is shut down" in (tmp_path / ".holdfast" / "postgresql" / "postgresql.log").read_text()


def test_a_secret_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        secret = home.secret("secret-key")
        (tmp_path / "secret-key").chmod(0o644)
        assert home.secret("secret-key") == secret
    assert len(secret) >= 32
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600


def test_two_demos_do_not_share_a_home(tmp_path: Path) -> None:
    with Home(tmp_path), pytest.raises(EmbeddedError, match="already running"), Home(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match="cannot write"), Home(tmp_path / "file"):
        pass
