"""Plans of statements whose arguments decide which way is the short one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.database.pool import Connection


@asynccontextmanager
async def planned_by_arguments(connection: Connection) -> AsyncIterator[None]:
    """In here a statement is planned for what it is asked with, not once for a connection.

    For those whose conditions are given or not: a plan for any of them reads a whole table for a few rows.
    """
    async with connection.transaction():
        await connection.execute("set local plan_cache_mode = force_custom_plan")
        yield
