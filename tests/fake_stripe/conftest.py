"""A Stripe of the test's own, and the real library as its client."""

from collections.abc import AsyncIterator

import pytest
import stripe as library

from tests.fake_stripe import FakeStripe
from tests.fake_stripe.receiver import Receiver


class Clock:
    """Time that stands still until it is moved; milliseconds."""

    def __init__(self) -> None:
        self.now = 1_900_000_000_000

    def __call__(self) -> int:
        return self.now

    def moves(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def stripe(clock: Clock) -> AsyncIterator[FakeStripe]:
    async with FakeStripe.serving(clock=clock) as serving:
        yield serving
        assert serving.contract.violations == []


@pytest.fixture(scope="session")
async def transport() -> AsyncIterator[library.HTTPXClient]:
    """One for all tests: it is slow to make."""
    http = library.HTTPXClient(timeout=5)
    yield http
    await http.close_async()  # type: ignore[no-untyped-call]  # the library does not type it


@pytest.fixture
async def client(stripe: FakeStripe, transport: library.HTTPXClient) -> library.StripeClient:
    return library.StripeClient(
        stripe.secret_key,
        base_addresses={"api": stripe.base_url},
        http_client=transport,
        max_network_retries=0,
    )


@pytest.fixture
async def api(client: library.StripeClient) -> library.V1Services:
    return client.v1


@pytest.fixture
async def webhook(stripe: FakeStripe) -> AsyncIterator[Receiver]:
    """An endpoint that takes what is delivered, and answers as it is told."""
    async with Receiver.listening(stripe.webhook_secret) as receiver:
        stripe.deliveries.to(receiver.url)
        yield receiver


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The library hands its bodies to httpx by a name that httpx calls old.
    for item in items:
        if "fake_stripe" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"))
