"""The machine-readable descriptions say what is really served."""

import json
import secrets
from typing import Any

import httpx
import msgspec
import pytest
from starlette.routing import Route

from channels.protocol import CLIENT_MESSAGES, SERVER_MESSAGES
from server.app import api_routes
from server.inventory.rules import ResourceDraft, SlotDraft
from server.specification.answers import ANSWERS, QUERIES, Problem
from server.specification.asyncapi import asyncapi
from server.specification.openapi import openapi
from tests.support.house import House

FORM = {"customer": {"name": "Ann Example", "email": "ann@example.com"}}


def test_every_route_is_described_and_nothing_else() -> None:
    served = {
        f"{method} {route.path}"
        for route in api_routes()
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert set(ANSWERS) == served
    assert set(QUERIES) <= served


def test_every_reference_leads_somewhere() -> None:
    for document in (openapi(api_routes(), "1"), asyncapi("1")):
        for reference in _references(document):
            found: Any = document
            for step in reference.removeprefix("#/").split("/"):
                assert step in found, reference
                found = found[step]


def test_operations_have_names_of_their_own() -> None:
    names = [
        operation["operationId"]
        for path in openapi(api_routes(), "1")["paths"].values()
        for operation in path.values()
    ]
    assert len(names) == len(set(names))
    assert all(
        operation["summary"]
        for path in openapi(api_routes(), "1")["paths"].values()
        for operation in path.values()
    )


def test_every_message_is_described() -> None:
    described = {message["name"] for message in asyncapi("1")["components"]["messages"].values()}
    assert described == {str(kind.__struct_config__.tag) for kind in (*CLIENT_MESSAGES, *SERVER_MESSAGES)}


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
async def test_they_are_served(holdfast: House, name: str) -> None:
    async with httpx.AsyncClient(base_url=holdfast.base_url) as client:
        answer = await client.get(f"/{name}.json")
    assert answer.status_code == 200
    assert answer.json()[name].startswith("3.")


async def test_answers_are_as_described(holdfast: House) -> None:
    """A buyer's whole way, and each answer read as the type that the document names."""
    slots = tuple(SlotDraft(id=f"A-{number}", label=f"A-{number}", price=2_500) for number in range(4))
    await holdfast.parts.inventory.create(
        ResourceDraft(
            id="hall", kind="seats", title="Hall", owner="olga", time_zone="UTC", currency="eur", slots=slots
        )
    )
    async with httpx.AsyncClient(base_url=holdfast.base_url) as client:
        caller = _Caller(client)
        session = await caller("POST", "/api/sessions", {})
        client.headers["Authorization"] = f"Bearer {session['token']}"
        client.cookies.clear()
        await caller("GET", "/api/resources")
        await caller("GET", "/api/resources/{id}", id="hall")
        await caller("GET", "/api/resources/{id}/availability", id="hall")
        held = await caller("POST", "/api/holds", {"resource": "hall", "items": [["A-0", 1], ["A-1", 1]]})
        await caller("GET", "/api/holds/{id}", id=held["hold"]["id"])
        await caller("GET", "/api/cart")
        await caller("POST", "/api/cart/extend", {})
        await caller("GET", "/api/cart/quote")
        await caller("POST", "/api/bookings/validate", FORM)
        begun = await caller("POST", "/api/bookings", FORM)
        booking, payment = begun["booking"]["id"], begun["payment"]["id"]
        share = await caller("POST", "/api/bookings/{id}/payments", {"amount": 1_000}, id=booking)
        secret = share["payment"]["pay_url"].partition("#")[2]
        await caller("POST", "/api/payments/{id}/open", {"secret": secret}, id=share["payment"]["id"])
        await caller("DELETE", "/api/payments/{id}", id=share["payment"]["id"])
        await caller("GET", "/api/payments/{id}", id=payment)
        attempt = await caller("POST", "/api/bookings/{id}/payments", {}, id=booking)
        await caller(
            "POST", "/api/sandbox/payments/{id}", {"outcome": "succeed"}, id=attempt["payment"]["id"]
        )
        await caller("POST", "/api/payments/{id}/check", {}, id=attempt["payment"]["id"])
        await caller("GET", "/api/bookings/{id}", id=booking)
        await caller("GET", "/api/bookings")
        await caller("GET", "/api/bookings/{id}/payments", id=booking)
        await caller("PUT", "/api/bookings/{id}/cancel", {}, id=booking)
        await caller("GET", "/api/bookings/{id}/refunds", id=booking)
        missing = await client.get("/api/bookings/nothing")
        msgspec.convert(missing.json(), Problem)


class _Caller:
    """`await caller(method, path, body, **path parameters)` → the answer, read strictly."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def __call__(self, method: str, path: str, body: Any = None, **parameters: str) -> Any:
        given = {} if body is None else {"json": body}
        headers = {} if method == "GET" else {"Idempotency-Key": secrets.token_hex(8)}
        answer = await self._client.request(method, path.format(**parameters), headers=headers, **given)
        assert answer.status_code < 400, answer.text
        kind = ANSWERS[f"{method} {path}"][answer.status_code]
        msgspec.json.decode(answer.content, type=kind)
        return answer.json()


def _references(document: Any) -> list[str]:
    text = json.dumps(document)
    return [part.split('"')[0] for part in text.split('"$ref": "')[1:]]
