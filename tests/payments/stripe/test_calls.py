"""How Stripe is called: what is repeated, under which key, for how long, and what is told of it."""

import asyncio
import logging

import httpx
import pytest
import stripe

from server.payments.provider import ProviderRefused, ProviderUnavailable
from server.payments.stripe import client
from server.payments.stripe.failures import Refused
from server.payments.stripe.intents import Stripe
from tests.payments.stripe.test_intents import ORDER
from tests.payments.stripe.wire import SECRET, Wire, listed, ok, pi, refusal

HTML = httpx.Response(200, content="<html>Sorry</html>", headers={"content-type": "text/html"})
HALF = httpx.Response(200, content='{"id": "pi_1", "obj')
BROKEN = httpx.Response(500, content='{"error": {"type": "api_error"}}')


def test_the_pinned_version_is_the_one_the_library_was_made_for() -> None:
    assert stripe.api_version == client.API_VERSION


def test_nothing_is_told_of_this_machine() -> None:
    assert not stripe.enable_telemetry


@pytest.mark.parametrize(
    "line",
    [
        httpx.ConnectError("no"),
        httpx.ReadTimeout("no"),
        httpx.RemoteProtocolError("cut"),
        BROKEN,
        httpx.Response(502, content="<html>Bad gateway</html>"),
        refusal(409, "idempotency_key_in_use"),
        refusal(409, "lock_timeout"),
        refusal(429, "rate_limit"),
        refusal(400, "rate_limit"),
        HTML,
        HALF,
        httpx.Response(200, content="[]"),
        httpx.Response(200, content="null"),
    ],
)
async def test_what_may_be_of_the_moment_is_tried_again_with_the_same_key(line: httpx.Response) -> None:
    wire = Wire(line, ok(pi()))
    assert (await Stripe(wire.calls).create(ORDER, "create:p1")).id == "pi_1"
    assert wire.keys == ["create:p1"] * 2
    assert len(wire.pauses) == 1


async def test_the_pauses_grow_and_the_tries_end() -> None:
    wire = Wire(*[BROKEN] * client.TRIES)
    with pytest.raises(ProviderUnavailable, match="Stripe answered 500: api_error"):
        await Stripe(wire.calls).fetch("pi_1")
    assert len(wire.requests) == client.TRIES
    assert wire.pauses == sorted(wire.pauses)
    assert sum(wire.pauses) < client.BUDGET_SECONDS


async def test_stripe_may_forbid_a_repeat() -> None:
    wire = Wire(refusal(500, None, stripe_should_retry="false"))
    with pytest.raises(ProviderUnavailable):
        await Stripe(wire.calls).fetch("pi_1")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_not_accepted_is_for_the_operator_and_loses_nothing(status: int) -> None:
    wire = Wire(refusal(status, None))
    with pytest.raises(ProviderUnavailable, match=str(status)):
        await Stripe(wire.calls).fetch("pi_1")


@pytest.mark.parametrize(
    ("status", "code"), [(400, "parameter_unknown"), (402, "card_declined"), (404, "resource_missing")]
)
async def test_what_stripe_will_not_do_is_refused_at_once(status: int, code: str) -> None:
    wire = Wire(refusal(status, code))
    with pytest.raises(Refused, match=code) as refused:
        await Stripe(wire.calls).fetch("pi_1")
    assert refused.value.code == code
    assert isinstance(refused.value, ProviderRefused)


async def test_a_key_whose_stored_answer_is_a_failure_is_left_behind() -> None:
    stored = refusal(500, None, replayed=True, stripe_should_retry="false")
    wire = Wire(stored, stored, ok(pi()))
    assert (await Stripe(wire.calls).create(ORDER, "create:p1")).id == "pi_1"
    assert wire.keys == ["create:p1", "create:p1:2", "create:p1:3"]
    assert wire.pauses == []


async def test_keys_are_not_left_behind_for_ever() -> None:
    wire = Wire(*[refusal(500, None, replayed=True, stripe_should_retry="false")] * client.KEYS)
    with pytest.raises(ProviderUnavailable):
        await Stripe(wire.calls).create(ORDER, "create:p1")


async def test_a_call_ends_within_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BUDGET_SECONDS", 0.01)
    never = asyncio.Event()

    async def stall(_options: stripe.RequestOptions) -> stripe.StripeObject:
        await never.wait()
        raise AssertionError("nobody sets it")

    with pytest.raises(ProviderUnavailable, match="in time"):
        await Wire().calls.post(stall, "create:p1")


async def test_no_secret_and_nothing_of_the_buyers_is_told_by_an_error_or_a_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    wire = Wire(refusal(400, "parameter_invalid"), ok(pi()), ok({"id": "pi_1_secret_2"}))
    provider = Stripe(wire.calls)
    with pytest.raises(ProviderRefused) as refused:
        await provider.create(ORDER, "create:p1")
    await provider.create(ORDER, "create:p1")
    with pytest.raises(ProviderUnavailable) as unknown:
        await provider.fetch("pi_1")
    told = caplog.text + "".join(f"{error.value!r} {error.value.__cause__}" for error in (refused, unknown))
    assert not any(secret in told for secret in (SECRET, "_secret_2", "ann@example.com"))


async def test_closing_gives_the_connections_back() -> None:
    wire = Wire(listed())
    await wire.calls.close()
    with pytest.raises(RuntimeError, match="closed"):
        await Stripe(wire.calls).fetch("pi_1")


async def test_a_refund_is_looked_for_again_before_its_key_is_left() -> None:
    stored = refusal(500, None, replayed=True)
    made = {"id": "re_1", "object": "refund", "status": "succeeded", "metadata": {"key": "refund:p1:1"}}
    wire = Wire(ok(pi("succeeded")), listed(), stored, listed(made))
    assert (await Stripe(wire.calls).refund("pi_1", 300, "refund:p1:1")).id == "re_1"
    assert wire.keys.count("refund:p1:1") == 1
