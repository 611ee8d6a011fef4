"""A short run on the product itself, judged by the checkers."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from server.settings import Settings
from tests.live.conftest import open_hall
from tests.support.buyer import visiting
from tests.support.house import House
from tests.support.waiting import until
from tests.torture.checkers import check_all
from tests.torture.checkers.converged import digest
from tests.torture.checkers.ledger import read_ledger
from tests.torture.history import History, Recorder
from tests.torture.visitors import HALL, TERMS, Visitor

SEATS = tuple(f"A-{seat}" for seat in range(1, 9))
VISITORS = 5


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    async with open_hall(settings, disconnect_grace_seconds=1, rate_bookings=0) as house:
        yield house


async def test_what_five_visitors_did_and_saw_breaks_no_promise(house: House, tmp_path: Path) -> None:
    path = tmp_path / "visitors.jsonl"
    async with AsyncExitStack() as stack:
        recorder = stack.enter_context(Recorder(path))
        visitors = []
        for number in range(VISITORS):
            buyer = await stack.enter_async_context(visiting(house.base_url, agree=False))
            visitors.append(Visitor(f"v{number}", buyer, recorder, random.Random(number)))

        def holds() -> list[str]:
            return [hold for visitor in visitors for hold in visitor.held]

        await asyncio.gather(*(visitor.comes() for visitor in visitors))
        await asyncio.gather(*(visitor.shops(SEATS, victims=holds) for visitor in visitors))
        await all_quiet(house, recorder, visitors)
    history = History.read(path)
    ledger = await read_ledger(house.parts.database)
    assert [str(each) for each in check_all(history, ledger, terms=TERMS)] == []
    outcomes = Counter((operation.kind, operation.outcome) for operation in history.operations)
    assert min(outcomes["hold", "ok"], outcomes["hold", "fail"], outcomes["book", "ok"]) > 0


async def all_quiet(house: House, recorder: Recorder, visitors: list[Visitor]) -> None:
    """Everybody stands where Redis stands, and both are written down."""

    async with httpx.AsyncClient(base_url=house.base_url) as client:

        async def is_settled() -> bool:
            truth = (await client.get(f"/api/resources/{HALL}/availability")).json()
            if not all(visitor.stands_at(truth["version"]) for visitor in visitors):
                return False
            numbers = digest(truth["first"], truth["available"], truth["held"])
            what = {"epoch": truth["epoch"], "version": truth["version"], "digest": numbers}
            recorder.observe("server", "truth", resource=HALL, **what)
            for visitor in visitors:
                visitor.ends()
            return True

        await until(is_settled)
