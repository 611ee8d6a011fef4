"""Which providers the settings ask for."""

import pytest

from server.payments.served import payment_providers
from server.settings import Settings


@pytest.mark.parametrize(
    ("key", "url", "names"),
    [
        ("pk_test_1", "https://tickets.example", ["stripe", "stripe_checkout"]),
        ("pk_test_1", "", ["stripe"]),
        ("", "https://tickets.example", ["stripe_checkout"]),
    ],
)
async def test_stripe_serves_by_what_it_was_given(key: str, url: str, names: list[str]) -> None:
    settings = Settings(
        payments="stripe", stripe_secret_key="sk_test_1", stripe_publishable_key=key, public_url=url
    )
    served = payment_providers(settings)
    assert (served.offered, served.default) == (names, names[0])
    assert set(served.by_name) == {"stripe", "stripe_checkout"}  # what was begun otherwise goes on
    assert served.circuit is not None
    await served.close()


async def test_the_sandbox_needs_nobody() -> None:
    served = payment_providers(Settings(payments="sandbox"))
    assert (served.by_name, served.default, served.circuit) == ({}, "sandbox", None)
    await served.close()
