"""The demo as a newcomer starts it, in a process of its own."""

import asyncio
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from queue import Queue

import httpx
import jwt
import pytest

from server.database.pool import Database
from server.demo import complete_settings, may_open_browser, sign_in_links
from server.demo import demo as run_demo
from server.embedded.home import Home
from server.embedded.process import EmbeddedError
from server.embedded.seed import Seeded, seed
from server.inventory.edits import changed_by
from server.inventory.listing import Wanted
from server.inventory.service import Inventory
from server.notices.channels.senders import problems_of_channels
from server.notices.channels.vapid import VapidKey
from server.settings import Settings
from tests.support.names import SETTINGS_NAMES

ROOT = Path(__file__).parent.parent


class Running:
    """A demo that is up: what it printed, and where it is."""

    def __init__(self, process: Process, printed: str) -> None:
        self.process = process
        self.printed = printed
        self.address = re.findall(r"http://\S+?(?=/\s)", printed)[0]


@asynccontextmanager
async def demo(folder: Path, *options: str, **environment: str) -> AsyncIterator[Running]:
    """`holdfast demo` in `folder`, ended by Ctrl-C."""
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS_NAMES}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", "demo", *options),
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "NO_BROWSER": "1", "PORT": "0", **environment},
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        yield Running(process, await read_until(process, "Ctrl-C"))
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(120):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def read_until(process: Process, last: str) -> str:
    assert process.stdout is not None
    printed = ""
    async with asyncio.timeout(240):
        while last not in printed:
            line = (await process.stdout.readline()).decode()
            assert line, printed
            printed += line
    return printed


async def test_it_serves_a_hall_with_no_configuration_and_keeps_its_state(tmp_path: Path) -> None:
    async with demo(tmp_path) as running, httpx.AsyncClient(base_url=running.address) as client:
        assert (await client.get("/readyz")).status_code == 200
        first = (await client.get("/api/resources", params={"kind": "seats"})).json()["items"][0]
        hall = (await client.get(f"/api/resources/{first['id']}")).json()
        assert len(hall["slots"]) >= 700
        assert f"/resources/{first['id']}" in running.printed
        session = (await client.post("/api/sessions")).json()
    async with demo(tmp_path) as running, httpx.AsyncClient(base_url=running.address) as client:
        headers = {"Authorization": f"Bearer {session['token']}"}
        assert (await client.get("/api/cart", headers=headers)).status_code == 200
    async with demo(tmp_path, "--reset") as running, httpx.AsyncClient(base_url=running.address) as client:
        headers = {"Authorization": f"Bearer {session['token']}"}
        assert (await client.get("/api/cart", headers=headers)).status_code == 401


async def test_a_redis_and_a_postgresql_that_are_given_are_used(
    tmp_path: Path, redis_url: str, empty_database_url: str
) -> None:
    given = {"REDIS_URL": redis_url, "DATABASE_URL": empty_database_url}
    async with demo(tmp_path, **given) as running, httpx.AsyncClient(base_url=running.address) as client:
        assert (await client.get("/readyz")).status_code == 200
    assert not exists(tmp_path / ".holdfast" / "redis")
    assert not exists(tmp_path / ".holdfast" / "postgresql")


def exists(path: Path) -> bool:
    return path.exists()


GIVEN = Settings(redis_url="redis://r", database_url="postgresql://d")


def test_it_accepts_its_own_pages_by_both_names(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        settings = complete_settings(GIVEN, home, 8123)
    assert settings.origins == {"http://localhost:8123", "http://127.0.0.1:8123"}
    assert settings.payments == "sandbox"


def test_it_overrides_nothing_that_was_given(tmp_path: Path) -> None:
    given = replace(
        GIVEN,
        secret_key="s" * 32,
        jwt_secret="j" * 32,
        vapid_private_key="v" * 43,
        vapid_subject="mailto:ann@example.org",
        payments="stripe",
        public_url="https://demo.example",
        allowed_origins=("https://other.example",),
        hold_seconds=5,
        port=1,
    )
    with Home(tmp_path) as home:
        settings = complete_settings(given, home, 1)
    local = ("http://localhost:1", "http://127.0.0.1:1")
    assert settings == replace(given, allowed_origins=("https://other.example", *local))


def test_its_secrets_are_remembered(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        first = complete_settings(GIVEN, home, 1)
        assert complete_settings(GIVEN, home, 1) == first
    assert len(first.secret_key) >= 32
    assert first.secret_key != first.jwt_secret
    assert problems_of_channels(first) == []
    assert VapidKey.read(first.vapid_private_key).public


def test_it_prints_its_pages_and_opens_the_first(
    tmp_path: Path,
    redis_url: str,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened = Queue[str]()

    async def serve(_settings: Settings, *, listener: socket.socket, ready: Callable[[], None]) -> None:
        assert listener.fileno() > 0
        ready()

    async def trouble(_url: str) -> Seeded:
        return Seeded("hall", trouble="catalogue.yaml: line 3: is wrong")

    monkeypatch.setattr("server.demo.serve", serve)
    monkeypatch.setattr("server.demo.seed", trouble)
    monkeypatch.setattr("webbrowser.open", opened.put)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.chdir(tmp_path)
    given = Settings(redis_url=redis_url, database_url=database_url, port=0)
    run_demo(given, reset=False, environment={})
    address = opened.get(timeout=60)
    printed = capsys.readouterr()
    assert address.startswith("http://localhost:")
    assert all(f"{address}{page}\n" in printed.out for page in ("/", "/resources/hall", "/kiosk/hall"))
    assert "line 3: is wrong" in printed.err
    tokens = re.findall(rf"{address}/sign-in#token=(\S+)&next=%2F\n", printed.out)
    users = [jwt.decode(token, options={"verify_signature": False}) for token in tokens]
    assert [(user["sub"], user["roles"]) for user in users] == [("olivia", ["owner"]), ("dora", ["buyer"])]


def test_nobody_is_signed_in_where_real_money_may_move_or_others_sign() -> None:
    sandbox = replace(GIVEN, jwt_secret="j" * 32, payments="sandbox")
    assert sign_in_links(sandbox)
    assert not sign_in_links(replace(sandbox, payments="stripe"))
    assert not sign_in_links(replace(sandbox, jwt_secret="", jwt_jwks_url="https://id.example/keys"))


async def test_a_catalogue_without_a_seat_map_is_an_error(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.embedded.seed.CATALOGUE", tmp_path / "catalogue.yaml")
    with pytest.raises(EmbeddedError, match=r"no seat map to show: catalogue.yaml: cannot be read"):
        await seed(database_url)


async def test_seeding_again_changes_nothing(database_url: str) -> None:
    first = await seed(database_url)
    assert first.trouble == ""
    assert await seed(database_url) == first


async def test_hours_that_an_owner_has_changed_stay_over_a_restart(database_url: str) -> None:
    await seed(database_url)
    database = await Database.connect(database_url, size=2)
    try:
        inventory = Inventory(database)
        (place,) = (await inventory.page(Wanted(kind="grid"), 1)).items
        hours = {"mon": [["10:00", "12:00"]]}
        given = {"grid": {"opening_hours": hours}}
        await inventory.change(str(place["id"]), lambda resource, slots: changed_by(given, resource, slots))
        await seed(database_url)
        inventory = Inventory(database)
        kept = (await inventory.get(str(place["id"]))).resource.grid
        assert kept is not None
        assert kept.opening_hours == {"mon": (("10:00", "12:00"),)}
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("platform", "environment", "opens"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"DISPLAY": ":0", "NO_BROWSER": "1"}, False),
        ("darwin", {}, True),
        ("darwin", {"NO_BROWSER": "1"}, False),
    ],
)
def test_a_browser_is_opened_where_there_is_a_screen(
    monkeypatch: pytest.MonkeyPatch, platform: str, environment: dict[str, str], opens: bool
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert may_open_browser(environment) is opens
