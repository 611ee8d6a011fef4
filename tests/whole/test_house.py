"""The house as a whole: it opens, answers, and closes."""

import httpx

from tests.channels.hall import has_io_uring
from tests.support.house import House


async def test_a_house_opens_and_is_ready(holdfast: House) -> None:
    async with httpx.AsyncClient(base_url=holdfast.base_url) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        ready = await client.get("/readyz")
        figures = await client.get("/metrics")
    assert ready.status_code == 200
    assert ready.json()["parts"] == {"redis": "ok", "postgresql": "ok", "pubsub": "ok"}
    assert "holdfast_sockets 0.0" in figures.text
    assert f"holdfast_io_uring {float(has_io_uring())}" in figures.text
    assert 'route="/healthz",status="200"' in figures.text
