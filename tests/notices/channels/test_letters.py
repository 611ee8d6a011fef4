"""`holdfast notices list`, `show`, `replay` and `key`: all they need is the database."""

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid5

import pytest

from server.bookings.store import moment
from server.cli import main, parser
from server.database.pool import Database
from server.errors import NotFound
from server.notices.channels.vapid import VapidKey

NOW = 1_800_000_000_000
AT = "2027-01-15T08:00:00.000Z"
SPACE = UUID("0190a0b0-0000-7000-8000-000000000000")
Ask = Callable[..., Awaitable[list[str]]]


def name(text: str) -> str:
    return str(uuid5(SPACE, text))


@pytest.fixture
def ask(database: Database) -> Ask:
    """A command as its user types it, on the test's own database."""

    async def run(*arguments: str) -> list[str]:
        options = parser().parse_args(["notices", *arguments])
        found: list[str] = await options.work(database, options)
        return found

    return run


async def keep(
    database: Database, text: str, state: str, *, error: str | None = None, leader: str | None = None
) -> None:
    message = {"kind": "booking_created", "title": "New\x1b[2J", "text": "Größe", "data": {"booking": "b"}}
    async with database.connection() as connection:
        columns = await connection.fetch(
            "select column_name from information_schema.columns where table_name = 'delivery'"
        )
        values: dict[str, object] = {
            "id": UUID(name(text)),
            "event_id": UUID(name("event " + text)),
            "user_id": "olivia",
            "channel": "email",
            "address": f"{text}@example.org",
            "message": message,
            "state": state,
            "leader": None if leader is None else UUID(name(leader)),
            "attempts": 0 if state == "waiting" else 12,
            "created_at": moment(NOW),
            "due_at": moment(NOW),
            "planned_at": moment(NOW),
            "done_at": moment(NOW + 5) if state == "sent" else None,
            "dead_at": moment(NOW + 9) if state == "dead" else None,
            "last_error": error,
            "provider": "smtp mail.example",
        }
        names = [row["column_name"] for row in columns if row["column_name"] in values]
        places = ", ".join(f"${index + 1}" for index in range(len(names)))
        await connection.execute(
            f"insert into delivery ({', '.join(names)}) values ({places})", *(values[each] for each in names)
        )


@pytest.fixture
async def kept(database: Database) -> None:
    """One that waits, one that was given up and would have taken another along, one that was sent."""
    await keep(database, "waits", "waiting")
    await keep(database, "dead", "dead", error="answered 500\n\x1b[2Jno")
    await keep(database, "along", "joined", leader="dead")
    await keep(database, "sent", "sent")


async def state_of(database: Database, text: str) -> tuple[str, int]:
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "select state, attempts from delivery where id = $1", UUID(name(text))
        )
    assert row is not None
    return row["state"], row["attempts"]


@pytest.mark.usefixtures("kept")
async def test_the_list_shows_what_is_not_done_with(ask: Ask) -> None:
    dead = (
        f"dead     {name('dead')}  {AT}  12 tries  email booking_created dead@example.org answered 500 [2Jno"
    )
    waits = f"waiting  {name('waits')}  {AT}       new  email booking_created waits@example.org"
    count = "1 due, 1 dead"
    assert await ask("list") == [dead, waits, count]
    assert await ask("list", "--dead") == [dead, count]
    assert await ask("list", "--due") == [waits, count]
    assert await ask("list", "--limit", "1") == [dead, count]
    assert len(await ask("list", "--all")) == 4


@pytest.mark.usefixtures("kept")
async def test_one_is_shown_with_all_that_is_known_of_it(ask: Ask) -> None:
    (page,) = await ask("show", name("dead"))
    assert page.isascii()
    assert "\x1b" not in page
    for said in (
        f"message    {name('dead')}",
        "channel    email",
        "address    dead@example.org",
        "state      dead",
        f"created    {AT}",
        "attempts   12",
        "joined by  1",
        "provider   smtp mail.example",
        "error      answered 500 [2Jno",
        '"booking": "b"',
    ):
        assert said in page


@pytest.mark.usefixtures("kept")
async def test_a_dead_letter_is_sent_once_more_with_all_its_tries(ask: Ask, database: Database) -> None:
    assert await ask("replay", name("dead")) == ["1 will be sent once more"]
    assert await state_of(database, "dead") == ("waiting", 0)
    assert await state_of(database, "along") == ("joined", 12)
    assert await ask("list", "--dead") == ["2 due, 0 dead"]


@pytest.mark.usefixtures("kept")
async def test_every_dead_letter_is_sent_once_more(ask: Ask, database: Database) -> None:
    assert await ask("replay", "--dead") == ["1 will be sent once more"]
    assert await ask("replay", "--dead") == ["0 will be sent once more"]
    assert await state_of(database, "sent") == ("sent", 12)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("text", ["sent", "waits", "along", "nothing"])
async def test_what_is_no_dead_letter_is_not_sent_again(ask: Ask, database: Database, text: str) -> None:
    with pytest.raises(NotFound, match=name(text)):
        await ask("replay", name("dead"), name(text))
    assert await state_of(database, "dead") == ("dead", 12)


@pytest.mark.parametrize("action", ["show", "replay"])
@pytest.mark.parametrize("text", ["x", "0190a0b0-0000-7000-8000-000000000001"])
async def test_an_id_of_nothing_is_said_so(ask: Ask, action: str, text: str) -> None:
    with pytest.raises(NotFound, match="there is no"):
        await ask(action, text)


def test_a_key_is_made_as_it_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["notices", "key"])
    variable, _, key = capsys.readouterr().out.strip().partition("=")
    assert (ended.value.code, variable) == (0, "VAPID_PRIVATE_KEY")
    assert VapidKey.read(key).public
