"""Who is killed while asking has asked nothing, and broke no contract."""

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from tests.fake_stripe.rim.application import Interface


@pytest.mark.parametrize("headers", [[], [(b"authorization", b"Bearer sk_test")]])
async def test_a_request_that_is_cut_in_its_body_is_none(headers: list[tuple[bytes, bytes]]) -> None:
    broken: list[str] = []

    async def answer(request: Request) -> None:
        await request.body()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        raise AssertionError("nobody is there to be answered")

    side: Any = SimpleNamespace(answer=answer)
    contract: Any = SimpleNamespace(broken=broken.append)
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    await Interface(side, side, contract)(scope, receive, send)
    assert not broken
