"""What Stripe's answers are to a program at the desk: a decline, a passing trouble, its own mistake."""

import logging
from typing import Any

import httpx
import pytest

from channels.client import Declined, HoldfastError, Money, Payment, StripeDesk, StripeRefused, Unreachable
from channels.client.models import moment
from channels.client.stripe import Standing

PAYMENT = Payment(
    id="p", booking="b", provider="stripe", status="pending", amount=Money(amount=1, currency="eur"),
    created_at=moment(0), client_secret="pi_1_secret_ofthebuyer",
)  # fmt: skip
BACK = "https://kiosk.example/back"


class Stripe:
    """Answers each request with the next of a list."""

    def __init__(self, *answers: tuple[int, Any] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer[0], json=answer[1])

    def desk(self) -> StripeDesk:
        return StripeDesk("pk_test_1", transport=httpx.MockTransport(self))


async def what_comes_of(*answers: tuple[int, Any] | Exception) -> Standing | HoldfastError:
    desk = Stripe(*answers).desk()
    try:
        return await desk.pay(PAYMENT, "pm_1", return_url=BACK)
    except HoldfastError as error:
        return error
    finally:
        await desk.close()


def error(kind: str, code: str, **more: str) -> dict[str, Any]:
    return {"error": {"type": kind, "code": code, "message": "so it is", **more}}


async def test_a_card_that_is_not_taken_is_declined_by_the_banks_code() -> None:
    said = await what_comes_of((402, error("card_error", "card_declined", decline_code="stolen_card")))
    assert isinstance(said, Declined)
    assert said.code == "stolen_card"


async def test_what_was_paid_already_is_looked_at_and_not_told_as_declined() -> None:
    """The answer to the first `pay` got lost, and it was asked again."""
    stripe = Stripe(
        (400, error("invalid_request_error", "payment_intent_unexpected_state")),
        (200, {"status": "succeeded"}),
    )
    desk = stripe.desk()
    assert await desk.pay(PAYMENT, "pm_1", return_url=BACK) == Standing(status="secured")
    assert [request.method for request in stripe.asked] == ["POST", "GET"]
    await desk.close()


@pytest.mark.parametrize(
    "answer",
    [
        (409, error("idempotency_error", "idempotency_key_in_use")),
        (400, error("invalid_request_error", "lock_timeout")),
        (429, error("invalid_request_error", "rate_limit")),
        (500, error("api_error", "")),
        (503, {"error": "no object"}),
        (200, {"status": "of tomorrow"}),
        httpx.DecodingError("not gzip at all"),
        httpx.ReadTimeout("too late"),
    ],
)
async def test_what_passes_is_unreachable(answer: tuple[int, Any] | Exception) -> None:
    assert isinstance(await what_comes_of(answer), Unreachable)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((401, error("invalid_request_error", "api_key_expired")), "api_key_expired"),
        ((403, {"error": {"type": "invalid_request_error", "message": "no"}}), "http_403"),
        ((404, error("invalid_request_error", "resource_missing")), "resource_missing"),
        ((400, {"error": "no object"}), "http_400"),
        ((400, {}), "http_400"),
    ],
)
async def test_a_mistake_of_the_program_is_no_decline(answer: tuple[int, Any], code: str) -> None:
    said = await what_comes_of(answer)
    assert isinstance(said, StripeRefused)
    assert said.code == code


async def test_what_a_payer_is_known_by_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Stripe has it in the address of a GET, and httpx writes addresses down."""
    caplog.set_level(logging.INFO, logger="httpx")
    stripe = Stripe((200, {"status": "succeeded"}), (402, error("card_error", "card_declined")), (404, {}))
    desk = stripe.desk()
    await desk.look(PAYMENT)
    for asks in (desk.pay(PAYMENT, "pm_1", return_url=BACK), desk.look(PAYMENT)):
        with pytest.raises(HoldfastError):
            await asks
    await desk.close()
    assert "secret" in str(stripe.asked[0].url)
    assert "ofthebuyer" not in caplog.text
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as other:
        await other.get("https://other.example/")
    assert "other.example" in caplog.text
