"""The control plane over HTTP, and the stand-in started by hand."""

import asyncio
import sys
from typing import Any

import httpx
from stripe import V1Services

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.orders import at_once, key, order
from tests.fake_stripe.receiver import Receiver


async def act(stripe: FakeStripe, action: str, **arguments: Any) -> Any:
    async with httpx.AsyncClient(verify=False) as client:
        answer = await client.post(f"{stripe.base_url}/_control/{action}", json=arguments)
    return answer.json().get("result", answer.status_code)


async def view(stripe: FakeStripe, name: str) -> Any:
    async with httpx.AsyncClient(verify=False) as client:
        return (await client.get(f"{stripe.base_url}/_control/{name}")).json()


async def test_a_story_told_from_another_process(
    stripe: FakeStripe, api: V1Services, webhook: Receiver
) -> None:
    await act(stripe, "hold")
    intent = await api.payment_intents.create_async(at_once(), key("k1"))
    assert await act(stripe, "pay", object_id=intent.id, card="bank") == "processing"
    assert await act(stripe, "succeed", object_id=intent.id) == "succeeded"
    assert (await act(stripe, "refund", intent_id=intent.id, amount=1000)).startswith("re_")
    assert (await view(stripe, "ledger"))[intent.id]["refunded"] == 1000
    tries = await act(stripe, "release", order=[0])
    assert [delivery["status"] for delivery in tries] == [200]
    assert webhook.kinds == ["payment_intent.created"]
    assert len(await view(stripe, "events")) > 5
    assert (await view(stripe, "requests"))[0]["key"] == "k1"
    assert await view(stripe, "violations") == []


async def test_what_it_does_not_know_it_says(stripe: FakeStripe) -> None:
    assert await act(stripe, "explode") == 404
    assert await act(stripe, "pay", who="Ann") == 400
    assert await act(stripe, "pay", object_id="pi_none") == 404


async def test_time_runs_ahead(stripe: FakeStripe, api: V1Services) -> None:
    intent = await api.payment_intents.create_async(order(), key("k1"))
    await stripe.pay(intent.id)
    await act(stripe, "advance", seconds=8 * 24 * 3600)
    assert (await api.payment_intents.retrieve_async(intent.id)).status == "canceled"


async def test_it_starts_by_hand() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fake_stripe", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode().strip() for _ in range(6)]
    settings = dict(line.split("=", 1) for line in lines)
    async with httpx.AsyncClient(verify=False) as client:
        assert (await client.get(settings["STRIPE_JS_URL"])).status_code == 200
    process.terminate()
    await process.wait()
