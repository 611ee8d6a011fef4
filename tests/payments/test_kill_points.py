"""kill -9 of a real server at every step of a story's money: another one brings all of it right.

A run of the suite kills at a part of the points; `KILL_EVERY=1` at each point of every story.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.payments.house import PRICE
from tests.payments.killing import EVERY, PAYMENT_SECONDS, Scene, Story, Visitor
from tests.payments.stripe_house import DECLINED, StripeHouse
from tests.support.zygote import Zygote

_log = structlog.get_logger(__name__)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as made:
        yield made


async def _pay(ann: Visitor) -> None:
    await ann.books()
    await ann.pays()
    await ann.sees("confirmed", "paid")


async def _decline_then_pay(ann: Visitor) -> None:
    await ann.books()
    await ann.pays(DECLINED)
    await ann.sees("pending", "failed")
    await ann.books()
    await ann.pays()
    await ann.sees("confirmed", "paid")


async def _cancel_pending(ann: Visitor) -> None:
    await ann.books()
    await ann.cancels()
    await ann.sees("cancelled", "failed")


async def _cancel_confirmed(ann: Visitor) -> None:
    await _pay(ann)
    await ann.cancels()
    await ann.sees("cancelled", "refunded")


async def _pay_in_two_parts(ann: Visitor) -> None:
    await ann.books()
    await ann.begins(amount=PRICE // 2)
    await ann.pays()
    await ann.begins()
    await ann.pays()
    await ann.sees("confirmed", "paid")


async def _pay_on_stripes_page(ann: Visitor) -> None:
    await ann.books()
    await ann.begins(via="checkout")
    await ann.pays()
    await ann.sees("confirmed", "paid")


async def _approve(ann: Visitor) -> None:
    await ann.books()
    await ann.pays()
    await ann.sees("pending", "authorized")
    await ann.is_answered("confirm")
    await ann.sees("confirmed", "paid")


IN_PARTS = [(_cancel_confirmed, 5), (_pay_in_two_parts, 13), (_pay_on_stripes_page, 13), (_approve, 11)]
WHOLE = [
    _pay,
    _decline_then_pay,
    _cancel_pending,
    _cancel_confirmed,
    _pay_in_two_parts,
    _pay_on_stripes_page,
    _approve,
]
STORIES: list[tuple[Story, int]] = [(story, EVERY) for story in WHOLE] if EVERY else [*IN_PARTS]


@pytest.mark.timeout(3600 if EVERY else 240)
@pytest.mark.parametrize(("story", "every"), STORIES, ids=lambda it: getattr(it, "__name__", "").strip("_"))
async def test_a_server_killed_at_any_step_leaves_nothing_wrong(
    stripe_house: StripeHouse, zygote: Zygote, tmp_path: Path, story: Story, every: int
) -> None:
    scene = Scene(stripe_house, zygote, tmp_path / "server.log")
    asks = PAYMENT_SECONDS if story is _approve else None
    await scene.sells(400 if EVERY else 60, approval_seconds=asks)
    points = await scene.kills(story, every=every)
    await scene.heals()
    assert points > 10
    assert len(scene.killed_at) > len(scene.missed), scene.missed
    _log.info("killed", points=points, kills=len(scene.killed_at), missed=scene.missed, at=scene.killed_at)
