"""`list`, `show` and `replay`: what `holdfast webhooks` and `holdfast notices` have in common.

Each sets `work`, which does it on a database and answers the lines to print.
"""

import argparse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from server.database.pool import Database
from server.notices import letters as notice_letters
from server.payments import letters as inbox_letters
from server.times import now_milliseconds

Work = Callable[[Database, argparse.Namespace], Awaitable[list[str]]]


class Desk(Protocol):
    """A module that has letters."""

    async def listed(self, database: Database, states: Sequence[Any], limit: int, /) -> list[str]: ...
    async def shown(self, database: Database, letter: str, /) -> str: ...
    async def replayed(self, database: Database, letters: Sequence[str], now: int, /) -> list[str]: ...
    async def replayed_dead(self, database: Database, now: int, /) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Letters:
    """What one command shows. `states`: the options of its list, with the plain list's as "unfinished"."""

    desk: Desk
    states: Mapping[str, Sequence[str]]
    one: str
    replay: str
    again: str


WEBHOOKS: Final = Letters(
    inbox_letters,
    {"unfinished": ("due", "dead"), "dead": ("dead",), "due": ("due",), "all": ("due", "dead", "done")},
    one="one event with its body, without secrets",
    replay="have events worked off once more; that is always safe",
    again="worked off",
)
NOTICES: Final = Letters(
    notice_letters,
    notice_letters.STATES,
    one="one message with all that is known of it",
    replay="have dead letters sent once more",
    again="sent",
)
_MEANINGS: Final = {"dead": "given up", "due": "still tried", "all": "and those that are done with"}


def add_actions(one: argparse.ArgumentParser, letters: Letters) -> Any:
    """`list [--dead|--due|--all] [--limit N]`, `show ID`, `replay ID… | --dead`; where more can be added."""
    actions = one.add_subparsers(dest="action", metavar="ACTION", required=True)
    two = actions.add_parser("list", help="the latest that are not done with, and how many there are")
    states = two.add_mutually_exclusive_group()
    for name, meaning in _MEANINGS.items():
        chosen = list(letters.states[name])
        states.add_argument(f"--{name}", action="store_const", const=chosen, dest="states", help=meaning)
    two.add_argument("--limit", type=count, default=50, help="how many at most (50)")
    two.set_defaults(work=_lister(letters), states=list(letters.states["unfinished"]))
    two = actions.add_parser("show", help=letters.one)
    two.add_argument("letter", metavar="ID")
    two.set_defaults(work=_shower(letters))
    two = actions.add_parser("replay", help=letters.replay)
    which = two.add_mutually_exclusive_group(required=True)
    which.add_argument("letters", nargs="*", metavar="ID", default=[])
    which.add_argument("--dead", action="store_true", help="every dead letter")
    two.set_defaults(work=_replayer(letters))
    return actions


def count(text: str) -> int:
    """--limit, or the error that argparse shows."""
    if text.isascii() and text.isdigit() and 0 < int(text[:9]) == int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of events")


def _lister(letters: Letters) -> Work:
    async def work(database: Database, options: argparse.Namespace) -> list[str]:
        return await letters.desk.listed(database, options.states, options.limit)

    return work


def _shower(letters: Letters) -> Work:
    async def work(database: Database, options: argparse.Namespace) -> list[str]:
        return [await letters.desk.shown(database, options.letter)]

    return work


def _replayer(letters: Letters) -> Work:
    async def work(database: Database, options: argparse.Namespace) -> list[str]:
        now = now_milliseconds()
        if options.dead:
            found = await letters.desk.replayed_dead(database, now)
        else:
            found = await letters.desk.replayed(database, options.letters, now)
        return [f"{len(found)} will be {letters.again} once more"]

    return work
