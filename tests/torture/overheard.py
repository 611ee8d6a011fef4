"""What a PostgreSQL is asked while one listens: every statement, as its log has it.

async with Overheard.of(street) as overheard:
    await something()
overheard.statements        # text → how often
"""

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Self

from tests.torture.street import Street

_STATEMENT: Final = re.compile(r"(?:execute [^:]+|statement): (.+)")
_LISTEN: Final = ("alter system set log_statement = 'all'", "select pg_reload_conf()")
_STOP: Final = ("alter system reset log_statement", "select pg_reload_conf()")


class Overheard:
    """Filled when the context has ended."""

    def __init__(self, log: Path) -> None:
        self.statements: Counter[str] = Counter()
        self._log = log
        self._since = log.stat().st_size

    @classmethod
    @asynccontextmanager
    async def of(cls, street: Street) -> AsyncIterator[Self]:
        """Of all databases of the street's PostgreSQL: nobody else may use it."""
        await _says(street, *_LISTEN)
        overheard = cls(street.postgresql.log)
        try:
            yield overheard
        finally:
            overheard._reads()
            await _says(street, *_STOP)

    def but_for(self, others: "Overheard") -> Counter[str]:
        """What nobody asked while one listened to those others."""
        return Counter(
            {text: count for text, count in self.statements.items() if text not in others.statements}
        )

    def _reads(self) -> None:
        with self._log.open(errors="replace") as file:
            file.seek(self._since)
            self.statements.update(found[1].strip() for line in file if (found := _STATEMENT.search(line)))


async def _says(street: Street, *statements: str) -> None:
    async with street.database.connection() as connection:
        for statement in statements:
            await connection.execute(statement)
