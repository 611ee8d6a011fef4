"""The commands: `holdfast COMMAND`. They end with 0, 1 (failed), 2 (wrong call or setting), 130 (Ctrl-C)."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import msgspec

from server.accounts.rules import Role
from server.accounts.users import mint
from server.database.migrate import MigrationError, migrate, require_current
from server.database.pool import Database
from server.demo import FOLDER, demo
from server.embedded.process import EmbeddedError
from server.errors import HoldfastError
from server.holds.client import connect
from server.inventory.generate import FEWEST_SEATS, MOST_SEATS, stadium
from server.inventory.importer import import_file, write_drafts
from server.inventory.reports import ImportOptions, ImportReport, parse_price
from server.inventory.seating_plan import SeatId
from server.inventory.service import Inventory
from server.letter_commands import NOTICES, WEBHOOKS, Letters, add_actions
from server.loop import run
from server.notices.channels.senders import problems_of_channels
from server.notices.channels.vapid import new_private_key
from server.ops import fault_points, logs
from server.ops.audit import Finding
from server.ops.auditor import audit
from server.ops.preflight import problems_of_servers
from server.serve import CannotServe, serve
from server.settings import Settings, SettingsError, from_environment, problems_for_run

LONG_SECONDS = 60.0
DAY_SECONDS = 24 * 3600
FAILURES = (CannotServe, EmbeddedError, HoldfastError, MigrationError)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    options = parser().parse_args(arguments)
    try:
        settings = from_environment(os.environ)
        logs.configure(settings.log_level)
        code = options.command(options, settings)
    except SettingsError as error:
        complain(f"holdfast {options.name} cannot start:", *(f"  {problem}" for problem in error.problems))
        code = 2
    except FAILURES as error:
        complain(f"holdfast {options.name}: {error}")
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def complain(*lines: str) -> None:
    print(*lines, sep="\n", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    whole = argparse.ArgumentParser(
        prog="holdfast", description="Real-time availability: hold, pay, confirm."
    )
    commands = whole.add_subparsers(dest="name", metavar="COMMAND", required=True)
    one = commands.add_parser("demo", help="everything on this machine, with sandbox payments")
    one.add_argument("--reset", action="store_true", help="forget what earlier demos kept in .holdfast/")
    one.set_defaults(command=run_demo)
    one = commands.add_parser("run", help="the production process")
    one.add_argument(
        "--plain-sockets", action="store_true", help="sockets by plain ASGI, as with PLAIN_SOCKETS=yes"
    )
    one.set_defaults(command=run_server)
    commands.add_parser("migrate", help="bring the database to the current schema").set_defaults(
        command=run_migrate
    )
    _add_import(commands.add_parser("import", help="a catalogue, a seating plan or slots, into resources"))
    one = commands.add_parser("audit", help="name every broken invariant; ends with 1 where there is any")
    one.set_defaults(command=run_audit)
    _add_token(commands.add_parser("token", help="mint a token for a user, role or display"))
    one = commands.add_parser("webhooks", help="the payment provider's events: list, show, replay")
    _add_letters(one, WEBHOOKS)
    one = commands.add_parser("notices", help="what goes outside: list, show, replay; a key for pushes")
    actions = _add_letters(one, NOTICES)
    two = actions.add_parser("key", help="make a VAPID_PRIVATE_KEY, which signs pushes to browsers")
    two.set_defaults(command=run_key)
    return whole


def _add_import(one: argparse.ArgumentParser) -> None:
    source = one.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path, metavar="FILE", help=".json, .yaml or .csv")
    source.add_argument("--generate", choices=["stadium"], help="make one up, for load")
    one.add_argument("--seats", type=seat_count, default=50_000, help="how many to make up (50000)")
    one.add_argument("--resource", metavar="ID", help="the resource that a plan or slots become")
    for name in ("--title", "--owner", "--time-zone", "--currency"):
        one.add_argument(name)
    one.add_argument(
        "--price",
        action="append",
        default=[],
        type=price,
        metavar="CATEGORY=8500",
        help="in minor units; may be given again",
    )
    one.add_argument("--seat-id", choices=get_args(SeatId), help="which of a plan's two ids its seats take")
    one.add_argument("--dry-run", action="store_true", help="say what would be done and change nothing")
    one.set_defaults(command=run_import)


def seat_count(text: str) -> int:
    """--seats, or the error that argparse shows."""
    if text.isascii() and text.isdigit() and FEWEST_SEATS <= int(text[:12]) <= MOST_SEATS:
        return int(text)
    raise argparse.ArgumentTypeError(f"a stadium has {FEWEST_SEATS} to {MOST_SEATS} seats, not {text}")


def price(text: str) -> tuple[str, int]:
    """One --price, or the error that argparse shows."""
    try:
        return parse_price(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _add_token(one: argparse.ArgumentParser) -> None:
    who = one.add_mutually_exclusive_group()
    who.add_argument("--user", metavar="ID", help="the user it names; without one, the role's name")
    who.add_argument("--display", metavar="ID", help="the wall screen it names")
    one.add_argument("--name", help="the user's name, for people")
    one.add_argument("--role", action="append", default=[], choices=get_args(Role), help="may be given again")
    one.add_argument("--days", type=int, help="how long it is valid (a user's 1, a display's 365)")
    one.set_defaults(command=run_token, refuse=one.error)


def _add_letters(one: argparse.ArgumentParser, letters: Letters) -> Any:
    one.set_defaults(command=run_letters)
    return add_actions(one, letters)


def run_demo(options: argparse.Namespace, settings: Settings) -> int:
    demo(settings, reset=options.reset, environment=os.environ)
    return 0


def run_server(options: argparse.Namespace, settings: Settings) -> int:
    if options.plain_sockets:
        settings = replace(settings, plain_sockets="yes")
    refuse(
        [
            *problems_for_run(settings),
            *problems_of_channels(settings),
            *fault_points.problems(os.environ, settings),
        ]
    )
    run(_run_server(settings))
    return 0


async def _run_server(settings: Settings) -> None:
    refuse(await problems_of_servers(settings))
    await serve(settings)


def refuse(problems: list[str]) -> None:
    """Raise SettingsError where there is a problem."""
    if problems:
        raise SettingsError(problems)


def run_migrate(_options: argparse.Namespace, settings: Settings) -> int:
    names = run(migrate(database_url(settings)))
    print("\n".join(f"applied {name}" for name in names) or "the database is up to date")
    return 0


def database_url(settings: Settings) -> str:
    if not settings.database_url:
        raise SettingsError(["DATABASE_URL: is missing; postgresql://user:password@host/database"])
    return settings.database_url


async def _import_stadium(
    database: Database, inventory: Inventory, seats: int, chosen: ImportOptions
) -> ImportReport:
    async with database.connection() as connection:
        await require_current(connection)
    given = {"id": chosen.resource, "title": chosen.title, "owner": chosen.owner}
    draft = msgspec.structs.replace(stadium(seats), **{name: value for name, value in given.items() if value})
    report = ImportReport(f"a stadium of {seats} seats", chosen.dry_run)
    await write_drafts(inventory, [draft], report)
    return report


def redis_url(settings: Settings) -> str:
    if not settings.redis_url:
        raise SettingsError(["REDIS_URL: is missing; redis://host:6379/0"])
    return settings.redis_url


def run_import(options: argparse.Namespace, settings: Settings) -> int:
    chosen = ImportOptions(
        resource=options.resource,
        title=options.title,
        owner=options.owner,
        time_zone=options.time_zone,
        currency=options.currency,
        prices=dict(options.price),
        seat_id=options.seat_id,
        dry_run=options.dry_run,
    )
    report = run(_run_import(options.file, options.seats, chosen, database_url(settings)))
    print(report.text(), file=sys.stdout if report.ok else sys.stderr)
    return 0 if report.ok else 1


async def _run_import(file: Path | None, seats: int, chosen: ImportOptions, url: str) -> ImportReport:
    database = await Database.connect(url, size=2, command_seconds=LONG_SECONDS)
    inventory = Inventory(database)
    try:
        if file is None:
            return await _import_stadium(database, inventory, seats, chosen)
        return await import_file(database, inventory, file, chosen)
    finally:
        await inventory.close()
        await database.close()


def run_audit(_options: argparse.Namespace, settings: Settings) -> int:
    findings = run(_run_audit(database_url(settings), redis_url(settings)))
    for finding in findings:
        print(finding)
    print(f"{len(findings)} broken" if findings else "every invariant holds")
    return 1 if findings else 0


async def _run_audit(database_url: str, redis_url: str) -> list[Finding]:
    redis = connect(redis_url)
    try:
        database = await Database.connect(database_url, size=2, command_seconds=LONG_SECONDS)
        try:
            return await audit(database, redis)
        finally:
            await database.close()
    finally:
        await redis.aclose()


def run_token(options: argparse.Namespace, settings: Settings) -> int:
    user = options.user or options.display or next(iter(options.role), "")
    if not user:
        options.refuse("one of the arguments --user --role --display is required")
    secret = settings.jwt_secret or demo_secret()
    if not secret:
        raise SettingsError(["JWT_SECRET: is missing; users' tokens are signed with it"])
    days = options.days or (365 if options.display else 1)
    roles = {*options.role, *(["display"] if options.display else [])}
    now = int(time.time() * 1000)
    print(mint(secret, user=user, now=now, name=options.name, roles=roles, seconds=days * DAY_SECONDS))
    return 0


def demo_secret() -> str:
    """The secret of the demo in this folder, so that a token can be tried without setting anything."""
    path = Path(FOLDER) / "jwt-secret"
    return path.read_text() if path.exists() else ""


def run_letters(options: argparse.Namespace, settings: Settings) -> int:
    for text in run(_run_letters(options, database_url(settings))):
        print(text)
    return 0


async def _run_letters(options: argparse.Namespace, url: str) -> list[str]:
    database = await Database.connect(url, size=1, command_seconds=LONG_SECONDS)
    try:
        found: list[str] = await options.work(database, options)
        return found
    finally:
        await database.close()


def run_key(_options: argparse.Namespace, _settings: Settings) -> int:
    print(f"VAPID_PRIVATE_KEY={new_private_key()}")
    return 0
