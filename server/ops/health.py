"""Alive, and able to serve: what a load balancer asks before it sends anybody here."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.routing import Route

from server.http.endpoint import Answer, Call, endpoint

CHECK_SECONDS = 1.5
Check = Callable[[], Awaitable[bool]]


async def verdicts(checks: Mapping[str, Check]) -> dict[str, str]:
    """Each part's state, "ok" or "away"; none of them is waited for longer than CHECK_SECONDS."""
    answers = await asyncio.gather(*(_holds(check) for check in checks.values()))
    return {name: "ok" if answer else "away" for name, answer in zip(checks, answers, strict=True)}


async def _holds(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except Exception:  # noqa: BLE001  # whatever a check dies of, its part cannot serve
        return False


async def _alive(_call: Call) -> Answer:
    """Whether the process runs."""
    return Answer({"status": "ok"})


async def _ready(call: Call) -> Answer:
    """Whether it can do its work: Redis, PostgreSQL, and pub/sub really delivering."""
    parts = await verdicts(call.parts.checks)
    ready = all(state == "ok" for state in parts.values()) and not call.parts.draining
    status = "ok" if ready else "draining" if call.parts.draining else "away"
    return Answer({"status": status, "parts": parts}, 200 if ready else 503)


routes = [
    Route("/healthz", endpoint(_alive, access="open"), methods=["GET"]),
    Route("/readyz", endpoint(_ready, access="open"), methods=["GET"]),
]
