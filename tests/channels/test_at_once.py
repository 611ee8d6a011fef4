"""Following at once, where nothing has to be waited for: the same as following, or nothing at all."""

import pytest

from channels import hub as hubs
from channels.protocol import SectionsView
from channels.source import ChannelError
from tests.channels.scene import HALL, Scene
from tests.channels.world import expected


def nothing() -> None:
    """What is called when following is sure, where nobody asks."""


def unsaid() -> None:
    raise AssertionError("nothing was to be answered")


async def test_a_map_that_is_here_is_followed_without_waiting(scene: Scene) -> None:
    await scene.hub.subscribe(scene.reader(), HALL)
    ben, order = scene.reader(), list[str]()
    assert scene.hub.subscribe_at_once(
        ben, HALL, None, None, answer=lambda: order.extend(["ok", *ben.types()])
    )
    assert order == ["ok"]
    assert ben.types() == ["snapshot"]
    scene.world.change({2: (0, 1)})
    await scene.tick()
    assert ben.types() == ["snapshot", "delta"]
    assert ben.seen[HALL].of(scene.truth) == expected(scene.truth)


async def test_one_that_comes_back_gets_what_it_missed(scene: Scene) -> None:
    await scene.hub.subscribe(scene.reader(), HALL)
    scene.world.change({2: (0, 1)})
    await scene.tick()
    ben, cleo = scene.reader(), scene.reader()
    assert scene.hub.subscribe_at_once(ben, HALL, ("e1", 100), None, answer=nothing)
    assert [(frame["type"], frame["from"], frame["changes"]) for frame in ben.frames] == [
        ("delta", 100, [2, 0, 1])
    ]
    assert scene.hub.subscribe_at_once(cleo, HALL, ("e1", 101), None, answer=nothing)
    assert [(frame["type"], frame["changes"]) for frame in cleo.frames] == [("delta", [])]


async def test_what_has_to_be_read_first_is_not_done_at_once(scene: Scene) -> None:
    ann = scene.reader()
    assert not scene.hub.subscribe_at_once(ann, HALL, None, None, answer=unsaid)
    assert not scene.hub.subscribe_at_once(ann, "notifications:ann", None, None, answer=unsaid)
    assert not scene.hub.subscribe_at_once(ann, "nonsense", None, None, answer=unsaid)
    await scene.hub.subscribe(ann, HALL)
    ben = scene.reader()
    assert not scene.hub.subscribe_at_once(ben, HALL, ("e1", 99), None, answer=unsaid)
    assert not scene.hub.subscribe_at_once(ben, HALL, None, "totals", answer=unsaid)
    assert ben.types() == []
    assert scene.hub.resources == ["hall"]
    await scene.hub.subscribe(ann, HALL, view="totals")
    assert scene.hub.subscribe_at_once(ben, HALL, None, "totals", answer=nothing)
    assert ben.types() == ["totals"]


async def test_a_position_of_another_epoch_gets_a_snapshot(scene: Scene) -> None:
    await scene.hub.subscribe(scene.reader(), HALL)
    ben = scene.reader()
    assert scene.hub.subscribe_at_once(ben, HALL, ("e0", 1), None, answer=nothing)
    assert ben.types() == ["snapshot"]


async def test_what_is_refused_is_refused_at_once_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    await scene.hub.subscribe(scene.reader(), HALL, view="totals")
    ben = scene.reader()
    with pytest.raises(ChannelError, match="no section"):
        scene.hub.subscribe_at_once(ben, HALL, None, SectionsView(sections=("Moon",)), answer=unsaid)
    monkeypatch.setattr(hubs, "MAX_FOLLOWED", 0)
    with pytest.raises(ChannelError) as refused:
        scene.hub.subscribe_at_once(ben, HALL, None, None, answer=unsaid)
    assert refused.value.code == "limit_exceeded"
    assert ben.types() == []
