"""The shipped queries by their text, each with what it does to the tables in memory."""

from collections.abc import Callable
from typing import Any, Final

from server.database.queries import Queries
from tests.simulation.postgres.transactions import Row, Work

Handler = Callable[..., Work[list[Row] | None]]

HANDLERS: Final[dict[str, Handler]] = {}
NAMES: Final[dict[str, str]] = {}


def simulates(queries: Queries) -> Callable[[Handler], Handler]:
    """A handler of the query of its own name, in this file; a last underscore does not count."""

    def register(handler: Handler) -> Handler:
        name = handler.__name__.removesuffix("_")
        if name in queries.names():
            HANDLERS[getattr(queries, name)] = handler
            NAMES[getattr(queries, name)] = name
        return handler

    return register


def none() -> Work[None]:
    """For a handler that waits for nobody: it has to be a generator all the same."""
    yield from ()


def optional(value: Any, usual: Any) -> Any:
    """coalesce()."""
    return usual if value is None else value
