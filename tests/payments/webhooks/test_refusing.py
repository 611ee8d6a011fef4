"""Whoever sends what is not Stripe's can do so at any rate: the log does not grow with it."""

import asyncio

import pytest

from server.payments import webhook
from server.payments.seldom import Seldom
from tests.payments.webhooks.test_delivering import Desk, desk

__all__ = ["desk"]


def test_what_happens_all_the_time_is_told_of_now_and_then() -> None:
    now = 0.0
    seldom = Seldom(1.0, lambda: now)
    assert [seldom.times() for _ in range(4)] == [1, None, None, None]
    now = 0.9
    assert seldom.times() is None
    now = 1.0
    assert seldom.times() == 5
    now = 9.0
    assert seldom.times() == 1


async def test_refused_deliveries_are_counted_each_and_logged_seldom(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(webhook.deliveries, "_refused", Seldom(1.0, lambda: now))
    for _ in range(2):
        await asyncio.gather(*(desk.takes(b"{}", {"Stripe-Signature": "garbage"}) for _ in range(10)))
        now += 1.0
    assert desk.outcomes == {"bad_request": 20}
    lines = [line for line in capsys.readouterr().out.splitlines() if "webhook_refused" in line]
    assert len(lines) == 2
    assert "deliveries=1 " in lines[0]
    assert "deliveries=10 " in lines[1]
