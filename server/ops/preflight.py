"""What `holdfast run` looks at before it listens: that the servers are there and are what it needs."""

import asyncio

import asyncpg
import structlog
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from channels.cluster import Cluster
from server.database.migrate import MigrationError, require_current
from server.holds.client import connect
from server.holds.scripts import script
from server.payments.provider import ProviderRefused, ProviderUnavailable
from server.settings import Settings

_log = structlog.get_logger(__name__)

SECONDS = 5.0
OLDEST_REDIS = 7


async def problems_of_servers(settings: Settings) -> list[str]:
    """One line for each server that is away, too old, or not migrated; it names the setting to look at."""
    found = [
        await _problem_of_redis(settings.redis_url),
        await _problem_of_database(settings.database_url),
        await problem_of_stripe(settings),
    ]
    return [problem for problem in found if problem]


async def problem_of_stripe(settings: Settings) -> str:
    """That Stripe does not accept the key. One that is away is no reason not to start."""
    if settings.payments != "stripe":
        return ""
    from server.payments.stripe.client import Calls  # noqa: PLC0415  # 0.2 s that others need not wait
    from server.payments.stripe.failures import NotAccepted  # noqa: PLC0415  # as above

    calls = Calls(settings.stripe_secret_key, base=settings.stripe_api_base)
    try:
        async with asyncio.timeout(SECONDS):
            await calls.get(lambda options: calls.v1.payment_intents.list_async({"limit": 1}, options))
    except NotAccepted as refused:
        return f"STRIPE_SECRET_KEY: Stripe does not accept it ({refused})"
    except (ProviderUnavailable, ProviderRefused, TimeoutError) as error:
        _log.warning("stripe_away", reason=str(error) or "no answer in time")
    finally:
        await calls.close()
    return ""


async def _problem_of_redis(url: str) -> str:
    try:
        client = connect(url, connections=1, seconds=SECONDS)
    except (ValueError, TypeError) as error:
        return f"REDIS_URL: cannot be read ({error})"
    try:
        await client.ping()
        version = str((await client.info("server"))["redis_version"])
        denied = await _denied(client)
    except (RedisError, OSError) as error:
        return f"REDIS_URL: Redis does not answer ({error})"
    finally:
        await client.aclose()
    if int(version.partition(".")[0]) < OLDEST_REDIS:
        return f"REDIS_URL: Redis {version} is too old; Holdfast needs {OLDEST_REDIS} or later"
    return denied and f"REDIS_URL: its user needs FCALL and FUNCTION LOAD, LIST and DELETE ({denied})"


async def _denied(client: Redis) -> str:
    """What the user of this Redis may not do that scripts need; it is done with one that changes nothing."""
    it = script("days", in_cluster=isinstance(client, Cluster))
    for command in (
        ("FUNCTION", "LIST", "LIBRARYNAME", it.function),
        ("FUNCTION", "DELETE", f"{it.function}_not"),
        ("FUNCTION", "LOAD", "REPLACE", it.text),
        ("FCALL", it.function, 1, "{nobody}:meta", b"\x80"),
    ):
        try:
            await client.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py's
        except NoPermissionError as denied:
            return str(denied)
        except ResponseError:
            pass  # that it is full, or that there is nothing to delete, is no reason not to start
    return ""


async def _problem_of_database(url: str) -> str:
    try:
        connection = await asyncpg.connect(url, timeout=SECONDS, command_timeout=SECONDS)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return f"DATABASE_URL: PostgreSQL does not answer ({str(error) or type(error).__name__})"
    try:
        await require_current(connection)
    except MigrationError as error:
        return f"DATABASE_URL: {error}"
    finally:
        await connection.close()
    return ""
