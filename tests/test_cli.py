"""What each command says and how it ends."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import asyncpg
import jwt
import pytest

from server import cli
from server.cli import main
from server.serve import listen
from server.settings import Settings
from tests.support.names import SETTINGS_NAMES

JWT_SECRET = "a-jwt-secret-of-the-tests-0123456789"


class Command:
    """Runs commands in an environment of the test's own, in an empty folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.set = monkeypatch.setenv
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code, what was printed, and what was complained of."""
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert isinstance(ended.value.code, int)
        return ended.value.code, *self._capsys.readouterr()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    for name in SETTINGS_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Command(monkeypatch, capsys)


def test_the_module_is_the_console_script() -> None:
    script = Path(sys.executable).parent / "holdfast"
    answers = [
        subprocess.run([*name, "--help"], capture_output=True, text=True, check=True).stdout
        for name in ([sys.executable, "-m", "server"], [str(script)])
    ]
    assert answers[0] == answers[1]
    assert all(name in answers[0] for name in ("demo", "run", "migrate", "import", "token", "audit"))


@pytest.mark.parametrize("arguments", [(), ("dance",), ("run", "fast"), ("import",), ("token",)])
def test_a_wrong_call_ends_with_2(command: Command, arguments: tuple[str, ...]) -> None:
    code, printed, complaint = command(*arguments)
    assert (code, printed) == (2, "")
    assert complaint.startswith("usage: holdfast")


def test_every_wrong_setting_is_named(command: Command) -> None:
    command.set("PORT", "x")
    command.set("PAYMENTS", "cash")
    code, _, complaint = command("migrate")
    assert code == 2
    assert complaint.splitlines() == [
        "holdfast migrate cannot start:",
        "  PORT: is 'x'; it is a whole number",
        "  PAYMENTS: is 'cash'; it is one of sandbox, stripe",
    ]


def test_run_names_everything_that_is_missing(command: Command) -> None:
    code, _, complaint = command("run")
    assert code == 2
    for name in ("REDIS_URL", "DATABASE_URL", "SECRET_KEY", "PAYMENTS"):
        assert f"  {name}: " in complaint


def test_the_demo_refuses_a_provider_without_its_key(command: Command) -> None:
    command.set("PAYMENTS", "stripe")
    code, _, complaint = command("demo")
    assert code == 2
    assert "STRIPE_SECRET_KEY: is missing" in complaint


def complete(command: Command, **settings: str) -> None:
    usual = {"SECRET_KEY": "s" * 32, "PAYMENTS": "sandbox", "PORT": "0"}
    for name, value in {**usual, **settings}.items():
        command.set(name, value)


def test_run_names_servers_that_are_away_without_their_passwords(command: Command) -> None:
    complete(
        command,
        REDIS_URL="redis://:geheim@127.0.0.1:1/0",
        DATABASE_URL="postgresql://me:geheim@127.0.0.1:1/holdfast",
    )
    code, _, complaint = command("run")
    assert code == 2
    assert "REDIS_URL: Redis does not answer" in complaint
    assert "DATABASE_URL: PostgreSQL does not answer" in complaint
    assert "geheim" not in complaint


def test_run_asks_for_the_migrations_first(command: Command, redis_url: str, empty_database_url: str) -> None:
    complete(command, REDIS_URL=redis_url, DATABASE_URL=empty_database_url)
    code, _, complaint = command("run")
    assert code == 2
    assert "run `holdfast migrate` first" in complaint


def test_run_says_which_port_is_taken(command: Command, redis_url: str, database_url: str) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        complete(command, REDIS_URL=redis_url, DATABASE_URL=database_url, PORT=port)
        code, _, complaint = command("run")
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in complaint


def test_run_serves_until_it_is_told_to_stop(
    command: Command, redis_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = []

    async def serve(settings: object) -> None:
        served.append(settings)

    monkeypatch.setattr("server.cli.serve", serve)
    complete(command, REDIS_URL=redis_url, DATABASE_URL=database_url)
    assert command("run")[0] == 0
    assert len(served) == 1


def test_run_serves_sockets_by_plain_asgi_if_it_is_told_to(
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    redis_url: str,
    database_url: str,
) -> None:
    served: list[Settings] = []

    async def serve(settings: Settings) -> None:
        served.append(settings)

    monkeypatch.setattr(cli, "serve", serve)
    complete(command, REDIS_URL=redis_url, DATABASE_URL=database_url)
    assert [command("run", *flags)[0] for flags in ((), ("--plain-sockets",))] == [0, 0]
    assert [settings.plain_sockets for settings in served] == ["no", "yes"]


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("redis://127.0.0.1:notaport", "is no address"),
        ("unix:///nowhere/redis.sock", "does not answer"),
        ("redis+sentinel://127.0.0.1:1/tickets", "does not answer (no Sentinel names a master of 'tickets')"),
        ("redis+cluster://127.0.0.1:1", "does not answer"),
    ],
)
def test_run_says_what_is_wrong_with_the_address_of_redis(
    command: Command, database_url: str, url: str, hint: str
) -> None:
    complete(command, REDIS_URL=url, DATABASE_URL=database_url)
    code, _, complaint = command("run")
    assert code == 2
    assert f"REDIS_URL: {hint}" in complaint.replace("Redis ", "")


def test_run_refuses_a_redis_that_is_too_old(
    command: Command, redis_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.ops.preflight.OLDEST_REDIS", 100)
    complete(command, REDIS_URL=redis_url, DATABASE_URL=database_url)
    code, _, complaint = command("run")
    assert code == 2
    assert "is too old; Holdfast needs 100 or later" in complaint


def test_migrate_says_what_it_applied_and_then_that_nothing_is_left(
    command: Command, empty_database_url: str
) -> None:
    command.set("DATABASE_URL", empty_database_url)
    code, printed, _ = command("migrate")
    assert code == 0
    assert printed.startswith("applied 0001_inventory\n")
    assert command("migrate") == (0, "the database is up to date\n", "")


@pytest.mark.parametrize("name", ["migrate", "audit"])
def test_a_command_that_needs_a_database_says_so(command: Command, name: str) -> None:
    code, _, complaint = command(name)
    assert code == 2
    assert "DATABASE_URL: is missing" in complaint


def test_a_database_that_is_away_ends_migrate_with_1(command: Command) -> None:
    command.set("DATABASE_URL", "postgresql://me:geheim@127.0.0.1:1/holdfast")
    code, _, complaint = command("migrate")
    assert code == 1
    assert complaint.startswith("holdfast migrate: ")
    assert "geheim" not in complaint


PLAN = {
    "name": "Room",
    "categories": [{"name": "Stalls", "color": "#336699"}],
    "zones": [
        {
            "name": "Hall",
            "position": {"x": 0, "y": 0},
            "rows": [
                {
                    "row_number": "1",
                    "position": {"x": 0, "y": 0},
                    "seats": [
                        {
                            "seat_guid": f"1-{number}",
                            "seat_number": str(number),
                            "uuid": f"u{number}",
                            "position": {"x": number * 20, "y": 0},
                            "category": "Stalls",
                        }
                        for number in (1, 2, 3)
                    ],
                }
            ],
        }
    ],
    "size": {"width": 100, "height": 100},
}


def slots_of(url: str) -> list[tuple[str, int]]:
    async def ask() -> list[tuple[str, int]]:
        connection = await asyncpg.connect(url)
        rows = await connection.fetch("select id, price_amount from slot order by resource_id, index")
        await connection.close()
        return [tuple(row) for row in rows]

    return asyncio.run(ask())


def test_import_takes_a_seating_plan_with_prices_and_ids(
    command: Command, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "room.json").write_text(json.dumps(PLAN))
    command.set("DATABASE_URL", database_url)
    options = ("import", "room.json", "--price", "Stalls=8500", "--seat-id", "uuid", "--currency", "eur")
    code, printed, complaint = command(*options, "--dry-run")
    assert (code, complaint) == (0, "")
    assert "would be created" in printed
    assert slots_of(database_url) == []
    assert command(*options)[0] == 0
    assert slots_of(database_url) == [("u1", 8500), ("u2", 8500), ("u3", 8500)]


def test_import_of_what_cannot_be_used_changes_nothing_and_ends_with_1(
    command: Command, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "room.json").write_text("{")
    command.set("DATABASE_URL", database_url)
    code, printed, complaint = command("import", "room.json")
    assert (code, printed) == (1, "")
    assert "room.json: line 1" in complaint
    assert slots_of(database_url) == []


def test_a_price_that_is_none_is_a_wrong_call(command: Command) -> None:
    code, _, complaint = command("import", "room.json", "--price", "Stalls")
    assert code == 2
    assert '"Category I=8500"' in complaint


def test_import_makes_a_stadium_up(command: Command, database_url: str) -> None:
    command.set("DATABASE_URL", database_url)
    code, _, _ = command("import", "--generate", "stadium", "--seats", "500")
    assert code == 0
    assert 450 <= len(slots_of(database_url)) <= 550


def test_a_stadium_has_a_size_that_makes_sense(command: Command) -> None:
    code, _, complaint = command("import", "--generate", "stadium", "--seats", "1")
    assert code == 2
    assert "not 1" in complaint


def run_sql(url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute())


def test_audit_ends_with_0_while_every_invariant_holds(
    command: Command, database_url: str, redis_url: str
) -> None:
    complete(command, DATABASE_URL=database_url, REDIS_URL=redis_url)
    command("import", "--generate", "stadium", "--seats", "500")
    assert command("audit") == (0, "every invariant holds\n", "")


def test_audit_names_what_is_broken_and_ends_with_1(
    command: Command, database_url: str, redis_url: str
) -> None:
    complete(command, DATABASE_URL=database_url, REDIS_URL=redis_url)
    command("import", "--generate", "stadium", "--seats", "500", "--resource", "bowl")
    run_sql(database_url, "update slot set taken = 1 where index = 3")
    code, printed, _ = command("audit")
    assert code == 1
    assert "bowl" in printed
    assert printed.endswith("\n1 broken\n")


def test_audit_needs_both_servers(command: Command, database_url: str) -> None:
    command.set("DATABASE_URL", database_url)
    code, _, complaint = command("audit")
    assert code == 2
    assert "REDIS_URL: is missing" in complaint


def test_a_token_names_its_user_and_roles(command: Command) -> None:
    command.set("JWT_SECRET", JWT_SECRET)
    code, printed, _ = command(
        *("token", "--user", "ann", "--name", "Ann", "--role", "owner", "--role", "operator", "--days", "2")
    )
    claims = jwt.decode(printed.strip(), JWT_SECRET, algorithms=["HS256"], options={"verify_aud": False})
    assert code == 0
    assert (claims["sub"], claims["name"], claims["roles"]) == ("ann", "Ann", ["operator", "owner"])
    assert claims["exp"] - claims["iat"] == 2 * 24 * 3600


def test_a_display_may_display_for_a_year(command: Command) -> None:
    command.set("JWT_SECRET", JWT_SECRET)
    printed = command("token", "--display", "lobby")[1]
    claims = jwt.decode(printed.strip(), JWT_SECRET, algorithms=["HS256"], options={"verify_aud": False})
    assert (claims["sub"], claims["roles"]) == ("lobby", ["display"])
    assert claims["exp"] - claims["iat"] == 365 * 24 * 3600


def test_a_role_alone_is_a_user_of_that_name(command: Command) -> None:
    command.set("JWT_SECRET", JWT_SECRET)
    printed = command("token", "--role", "operator")[1]
    claims = jwt.decode(printed.strip(), JWT_SECRET, algorithms=["HS256"], options={"verify_aud": False})
    assert (claims["sub"], claims["roles"]) == ("operator", ["operator"])


def test_a_user_and_a_display_are_two(command: Command) -> None:
    assert command("token", "--user", "ann", "--display", "lobby")[0] == 2


def test_a_token_of_the_demo_in_this_folder_needs_no_setting(command: Command, tmp_path: Path) -> None:
    (tmp_path / ".holdfast").mkdir()
    (tmp_path / ".holdfast" / "jwt-secret").write_text(JWT_SECRET)
    printed = command("token", "--user", "ann")[1]
    assert jwt.decode(printed.strip(), JWT_SECRET, algorithms=["HS256"])["sub"] == "ann"


def test_a_token_needs_a_secret(command: Command) -> None:
    code, printed, complaint = command("token", "--user", "ann")
    assert (code, printed) == (2, "")
    assert "JWT_SECRET: is missing" in complaint


def test_an_unknown_role_is_a_wrong_call(command: Command) -> None:
    assert command("token", "--user", "ann", "--role", "king")[0] == 2


def test_demo_says_which_port_is_taken(command: Command, tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        command.set("PORT", port)
        code, _, complaint = command("demo")
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in complaint
    assert not (tmp_path / ".holdfast").exists()


def test_ctrl_c_ends_a_command_with_130(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("server.cli.demo", interrupted)
    assert command("demo") == (130, "", "")
