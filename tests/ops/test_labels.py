"""Row 112 of the bad inputs: whatever strangers ask for, metrics have no more series than we gave them."""

import httpx

from tests.support.house import House


async def _series(client: httpx.AsyncClient) -> set[str]:
    text = (await client.get("/metrics")).text
    return {line.rpartition(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}


async def _asks(client: httpx.AsyncClient, name: str) -> None:
    """Everything that has a name of the caller's own in it, and a method of nobody's."""
    for path in (
        f"/api/resources/{name}",
        f"/api/holds/{name}",
        f"/api/bookings/{name}",
        f"/{name}",
        f"/x/{name}",
    ):
        await client.get(path, headers={"User-Agent": name, "Origin": f"https://{name}.example"})
    await client.request(f"X{name.upper()}", "/api/cart")
    await client.post("/api/holds", json={"resource": name, "items": [[name, 1]]})
    await client.post("/api/payments/webhook", content=name.encode())


async def test_112_names_that_callers_invent_are_no_labels(holdfast: House) -> None:
    async with httpx.AsyncClient(base_url=holdfast.base_url) as client:
        await client.post("/api/sessions")
        for name in ("first", "second"):
            await _asks(client, name)
        await _series(client)  # itself a request
        before = await _series(client)
        for place in range(20):
            await _asks(client, f"stranger-{place}")
        after = await _series(client)
    assert {line for line in after if line.startswith("holdfast_http")} == {
        line for line in before if line.startswith("holdfast_http")
    }
    assert not [line for line in after if "stranger" in line.lower() or "first" in line.lower()]
