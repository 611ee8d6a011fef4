"""What a process with Stripe looks at before it serves, and what it says."""

from dataclasses import replace

import pytest

from server.demo import welcome
from server.embedded.seed import Seeded
from server.ops.preflight import problem_of_stripe
from server.settings import Settings
from tests.fake_stripe import FakeStripe

SEEDED = Seeded(hall="hall", trouble="")


@pytest.fixture
def stripe_settings(fake: FakeStripe) -> Settings:
    return Settings(payments="stripe", stripe_secret_key=fake.secret_key, stripe_api_base=fake.base_url)


async def test_a_key_that_stripe_accepts_is_no_problem(stripe_settings: Settings) -> None:
    assert await problem_of_stripe(stripe_settings) == ""


async def test_a_key_that_stripe_does_not_accept_is_named_and_not_shown(stripe_settings: Settings) -> None:
    problem = await problem_of_stripe(replace(stripe_settings, stripe_secret_key="sk_test_wrong"))
    assert problem.startswith("STRIPE_SECRET_KEY: Stripe does not accept it (Stripe answered 401")
    assert "wrong" not in problem


async def test_a_stripe_that_is_away_keeps_nobody_from_starting(
    stripe_settings: Settings, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.payments.stripe.client.TRIES", 1)
    await fake.goes_away()
    assert await problem_of_stripe(stripe_settings) == ""


async def test_the_sandbox_is_not_asked() -> None:
    assert await problem_of_stripe(Settings(payments="sandbox")) == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(payments="sandbox"), "a sandbox's: no money moves"),
        (Settings(payments="stripe", stripe_secret_key="sk_test_1"), "test mode: no money moves"),
        (Settings(payments="stripe", stripe_secret_key="sk_live_1"), "live: real money moves"),
    ],
)
def test_the_demo_says_who_takes_the_money(settings: Settings, words: str) -> None:
    assert words in welcome(settings, SEEDED)
