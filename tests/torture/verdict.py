"""What the checkers say of a history, beside the ledgers of PostgreSQL and of whoever took the money."""

from collections import Counter
from dataclasses import replace
from typing import Final

from server.database.pool import Database
from tests.torture.attended import attended
from tests.torture.checkers import check_all
from tests.torture.checkers.fresh import Freshness, freshness
from tests.torture.checkers.ledger import Intent, Ledger, read_ledger, read_stripe
from tests.torture.checkers.terms import MILLISECOND, Terms
from tests.torture.history import History
from tests.torture.matrix import Torture
from tests.torture.street import Street

EVIDENCE: Final = 5
"""Of one violation so many records are shown."""

MOST: Final = 20
"""Of one cell so many violations are shown; all are counted."""

LATE_MS: Final = 1_500
"""I3's second, and what a machine that does a hundred other things adds to it."""

SANDBOX: Final = """
select i.id, i.currency, i.amount, i.status, i.metadata,
  coalesce(sum(m.amount) filter (where m.kind = 'capture'), 0)::bigint as captured,
  coalesce(sum(m.amount) filter (where m.kind = 'refund'), 0)::bigint as refunded,
  coalesce(sum(m.amount) filter (where m.kind = 'reversal'), 0)::bigint as reversed
from sandbox.intent i left join sandbox.movement m on m.intent_id = i.id group by i.id
"""


def terms_of(street: Street, losing: frozenset[str] = frozenset()) -> Terms:
    """By what the checkers judge this street."""
    grace = 1_000 * int(street.settings["DISCONNECT_GRACE_SECONDS"])
    return Terms(grace_ms=grace, late_ms=LATE_MS, losing=losing)


async def judge(
    torture: Torture, history: History, street: Street, terms: Terms, *, is_last: bool = True
) -> None:
    """Note every violation, and how much was checked; what the ledgers have is counted at the end alone."""
    ledger = await read_ledger(street.database)
    intents = await intents_of(street)
    terms = replace(terms, capacities=ledger.capacities)
    fresh = freshness(history, terms)
    found = [*check_all(history, ledger, intents, terms=terms), *fresh.late]
    for violation in found[:MOST]:
        torture.breaks(violation.promise, violation.text, *violation.evidence[:EVIDENCE])
    if len(found) > MOST:
        torture.breaks("and more", f"{len(found)} violations in all")
    _count(torture, history)
    is_worth(torture, history)
    if is_last:
        _figure_of(torture, fresh)
        _count_ledgers(torture, ledger, intents)


def is_worth(torture: Torture, history: History) -> None:
    """A run in which nobody did anything, or every fault struck an empty hall, has shown nothing."""
    if not any(operation.outcome == "ok" for operation in history.operations):
        torture.breaks("the run", "nothing that anybody asked for was done: there is nothing to judge")
    struck, met, under_way = attended(history)
    torture.claims("faults struck", struck)
    torture.claims("faults that struck while people acted", met)
    torture.claims("operations under way while a fault was there", under_way)
    if struck and not met:
        torture.breaks("the run", f"none of {struck} faults struck while people acted")


def _figure_of(torture: Torture, fresh: Freshness) -> None:
    torture.figure(
        "a change is seen by everybody who is there",
        f"{fresh.calm / 1e6:.0f} ms after the first at the latest; by faults {fresh.worst / 1e6:.0f} ms",
        "≤ 2 s, but for faults and 5 s after",
        reached=fresh.calm <= 2_000 * MILLISECOND,
        n=fresh.views,
    )


async def intents_of(street: Street) -> list[Intent]:
    """What whoever took the money says."""
    if street.stripe is None:
        return await sandbox(street.database)
    return read_stripe(street.stripe.ledger)


async def sandbox(database: Database) -> list[Intent]:
    """Where the sandbox's money is."""
    async with database.connection() as connection:
        rows = await connection.fetch(SANDBOX)
    return [
        Intent(
            row["id"],
            row["metadata"].get("booking", ""),
            row["metadata"].get("payment", ""),
            row["currency"],
            row["amount"],
            row["status"],
            held=row["amount"] if row["status"] == "authorised" else 0,
            captured=row["captured"],
            refunded=row["refunded"],
            reversed=row["reversed"],
        )
        for row in rows
    ]


def _count(torture: Torture, history: History) -> None:
    """N of every claim."""
    operations = Counter(f"{each.kind} {each.outcome}" for each in history.operations)
    seen = Counter(each.kind for each in history.observations)
    torture.claims("holds attempted", sum(n for what, n in operations.items() if what.startswith("hold ")))
    torture.claims("holds won", operations["hold ok"])
    torture.claims("operations", len(history.operations))
    torture.claims(
        "operations nobody knows the outcome of",
        sum(n for what, n in operations.items() if what.endswith("unknown")),
    )
    torture.claims("views applied", seen["view"])


def _count_ledgers(torture: Torture, ledger: Ledger, intents: list[Intent]) -> None:
    torture.claims("bookings", len(ledger.bookings))
    torture.claims("bookings confirmed", sum(each.stands for each in ledger.bookings.values()))
    torture.claims("payments taken", sum(each.captured > 0 for each in intents))
