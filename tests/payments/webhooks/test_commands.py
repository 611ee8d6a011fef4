"""`holdfast webhooks list`, `show` and `replay`: all they need is the database."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from server.cli import parser
from server.database.pool import Database
from server.errors import NotFound
from server.payments import inbox_store, letters
from server.payments.provider import Event
from tests.payments.webhooks.stripe import body_of, event, intent
from tests.support.names import SETTINGS_NAMES
from tests.test_cli import Command

NOW = 1_800_000_000_000
RECEIVED = "2027-01-15T08:00:00.000Z"
Ask = Callable[..., Awaitable[list[str]]]


@pytest.fixture
def ask(database: Database) -> Ask:
    """A command as its user types it, on the test's own database."""

    async def run(*arguments: str) -> list[str]:
        options = parser().parse_args(["webhooks", *arguments])
        found: list[str] = await options.work(database, options)
        return found

    return run


@pytest.fixture
async def stored(database: Database) -> None:
    """One event that is due, one dead, one done."""
    names = {"evt_due": "pi_1", "evt_dead": "pi_2", "evt_done": "pi_3"}
    events = [
        ("stripe", Event(id=name, kind="payment_intent.succeeded", object_id=of, body=_body(name, of)))
        for name, of in names.items()
    ]
    async with database.connection() as connection:
        await inbox_store.keep(connection, events, NOW)
        (_, dead, done) = sorted(
            await inbox_store.take(connection, NOW, NOW + 1, 10), key=lambda work: work.object_id
        )
        await inbox_store.done(connection, [done], NOW + 5)
        await inbox_store.failed(connection, ("stripe", "evt_dead"), "Refused: no\n\x1b[2Jsuch", NOW, NOW + 9)
    assert dead.object_id == "pi_2"


def _body(name: str, of: str) -> bytes:
    return body_of(event(thing=intent(of), id=name))


@pytest.mark.usefixtures("stored")
async def test_the_list_shows_what_is_not_worked_off(ask: Ask) -> None:
    assert await ask("list") == [
        f"dead  evt_dead  {RECEIVED}   1 tries  payment_intent.succeeded  pi_2  Refused: no  [2Jsuch",
        f"due   evt_due  {RECEIVED}   1 tries  payment_intent.succeeded  pi_1",
        "1 due, 1 dead",
    ]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("option", "names"),
    [("--dead", ["evt_dead"]), ("--due", ["evt_due"]), ("--all", ["evt_dead", "evt_done", "evt_due"])],
)
async def test_the_list_can_be_narrowed_and_widened(ask: Ask, option: str, names: list[str]) -> None:
    assert [line.split()[1] for line in (await ask("list", option))[:-1]] == names
    assert len(await ask("list", option, "--limit", "1")) == 2


@pytest.mark.usefixtures("stored")
async def test_an_event_is_shown_with_its_body_and_without_its_secrets(ask: Ask) -> None:
    (text,) = await ask("show", "evt_dead")
    head, _, body = text.partition("\n\n")
    assert head.splitlines() == [
        "event     evt_dead",
        "kind      payment_intent.succeeded",
        "object    pi_2 (stripe)",
        "state     dead",
        "received  2027-01-15T08:00:00.000Z",
        "dead      2027-01-15T08:00:00.009Z",
        "attempts  1",
        "error     Refused: no  [2Jsuch",
    ]
    assert json.loads(body)["data"]["object"] == {**intent("pi_2"), "client_secret": "…"}
    with pytest.raises(NotFound, match="there is no event evt_x"):
        await ask("show", "evt_x")


def test_secrets_are_hidden_wherever_they_stand() -> None:
    body = '{"a": [{"client_secret": "x", "b": "\u009b"}], "secret_2": {"c": 1}}'
    assert json.loads(letters.without_secrets(body)) == {
        "a": [{"client_secret": "…", "b": "\u009b"}],
        "secret_2": "…",
    }
    assert letters.without_secrets(body).isascii()


def test_odd_bodies_are_shown_as_far_as_they_can_be() -> None:
    assert json.loads(letters.without_secrets(f'{{"a": {"9" * 5_000}}}')) == {"a": "9" * 5_000}
    assert "too odd" in letters.without_secrets("[" * 100_000)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("arguments", [["--dead"], ["evt_dead"], ["evt_dead", "evt_done"]])
async def test_replayed_events_are_worked_off_once_more(
    ask: Ask, database: Database, arguments: list[str]
) -> None:
    replayed = ["evt_dead"] if arguments == ["--dead"] else arguments
    assert await ask("replay", *arguments) == [f"{len(replayed)} will be worked off once more"]
    async with database.connection() as connection:
        work = await inbox_store.take(connection, 2 * NOW, 2 * NOW, 10)
    attempts = {name: count for one in work for name, count in one.attempts.items()}
    assert attempts == {"evt_due": 2, **dict.fromkeys(replayed, 1)}


@pytest.mark.usefixtures("stored")
async def test_nothing_is_replayed_if_one_of_them_is_not_there(ask: Ask, database: Database) -> None:
    with pytest.raises(NotFound, match=r"there is no event evt_x, evt_y$"):
        await ask("replay", "evt_y", "evt_dead", "evt_x")
    async with database.connection() as connection:
        assert (await inbox_store.standing(connection)).dead == 1


def test_the_command_needs_a_database_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    database_url: str,
) -> None:
    for name in SETTINGS_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    command = Command(monkeypatch, capsys)
    assert command("webhooks", "list")[0] == 2
    command.set("DATABASE_URL", database_url)
    assert command("webhooks", "list") == (0, "0 due, 0 dead\n", "")
    assert command("webhooks", "replay", "--dead")[:2] == (0, "0 will be worked off once more\n")
    code, _, complaint = command("webhooks", "show", "evt_x")
    assert (code, complaint) == (1, "holdfast webhooks: there is no event evt_x\n")
    for wrong in (
        ["webhooks", "list", "--limit", "-1"],
        ["webhooks", "list", "--limit", "0"],
        ["webhooks"],
        ["webhooks", "replay"],
        ["webhooks", "replay", "--dead", "evt_x"],
    ):
        assert command(*wrong)[0] == 2, wrong
