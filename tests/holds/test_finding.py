"""What is free in many grids is asked all at once, and nothing is read that is known."""

from typing import Any

from server.errors import Unavailable
from server.holds.finding import Wish
from server.holds.wire import Wire
from tests.holds.conftest import MakeWorld
from tests.holds.grids import MORNINGS, Driveway, books, driveway, takes
from tests.holds.world import Hall, World


def wish(drive: Driveway, start: str, end: str, *, days: int = 1) -> Wish:
    return Wish(drive.steps, drive.step(start, days), drive.step(end, days))


async def test_the_least_that_is_free_of_all_the_steps(make_world: MakeWorld) -> None:
    drives = {
        "taken": driveway("taken"),
        "booked": driveway("booked"),
        "park": driveway("park", capacity=300),
        "mornings": driveway("mornings", opening_hours=MORNINGS),
        "far": driveway("far", zone="Asia/Kathmandu"),
        "untouched": driveway("untouched"),
    }
    books(drives["booked"], "16:30", "18:00")
    world = make_world(*drives.values())
    await takes(world.buyer("ann"), drives["taken"], "08:00", "09:30")
    await takes(world.buyer("ben"), drives["park"], "09:00", "10:00")
    await takes(world.buyer("cleo"), drives["park"], "16:00", "17:00")
    wanted = {name: wish(drive, "09:00", "17:00") for name, drive in drives.items()}
    assert await world.main.free(wanted) == {
        "taken": 0,
        "booked": 0,
        "park": 299,
        "mornings": 0,
        "far": 1,
        "untouched": 1,
    }
    afternoons = {name: wish(drive, "10:00", "12:00") for name, drive in drives.items()}
    assert await world.main.free(afternoons) == {name: 300 if name == "park" else 1 for name in drives}


async def test_over_midnight_and_past_steps(make_world: MakeWorld) -> None:
    drive = driveway()
    world = make_world(drive)
    await takes(world.buyer("ann"), drive, "00:00", "00:30", days=2)

    def night(end: str) -> dict[str, Wish]:
        return {"drive": Wish(drive.steps, drive.step("22:00"), drive.step(end, 2))}

    assert await world.main.free(night("00:00")) == {"drive": 1}
    assert await world.main.free(night("00:30")) == {"drive": 0}
    assert await world.main.free({"drive": wish(drive, "08:30", "10:00", days=0)}) == {"drive": 1}
    assert await world.main.free({"drive": wish(drive, "08:00", "10:00", days=0)}) == {"drive": 0}


def spied(world: World) -> list[str]:
    """The resources that the inventory is asked for from here on."""
    asked: list[str] = []
    truly = world.catalogue.get

    async def get(resource_id: str, layout: int | None = None) -> Hall:
        asked.append(resource_id)
        return await truly(resource_id, layout)

    world.catalogue.get = get  # type: ignore[method-assign]  # a spy
    return asked


async def test_only_what_redis_does_not_know_is_loaded(make_world: MakeWorld, monkeypatch: Any) -> None:
    drives = [driveway(f"drive-{number}") for number in range(40)]
    world = make_world(*drives)
    wanted = {drive.resource.id: wish(drive, "09:00", "17:00") for drive in drives}
    asked = spied(world)
    gone = Wish(drives[0].steps, drives[0].step("09:00"), drives[0].step("10:00"))
    assert await world.main.free({**wanted, "gone": gone}) == {**dict.fromkeys(wanted, 1), "gone": 0}
    assert {drive.resource.id for drive in drives} < set(asked)
    asked.clear()
    batches = 0
    send = Wire.send

    def count(wire: Wire, commands: Any) -> None:
        nonlocal batches
        batches += 1
        send(wire, commands)

    monkeypatch.setattr(Wire, "send", count)
    assert await world.main.free(wanted) == dict.fromkeys(wanted, 1)
    assert asked == []
    assert batches <= 4
    assert await world.main.free({}) == {}


async def test_one_that_cannot_be_loaded_keeps_nobody_from_the_others(
    make_world: MakeWorld, monkeypatch: Any
) -> None:
    drives = [driveway(f"drive-{number}") for number in range(3)]
    world = make_world(*drives)
    ensure = world.main.loader.ensure

    async def refuse_one(name: str) -> None:
        if name == "drive-1":
            raise Unavailable("somebody rebuilds it")
        await ensure(name)

    monkeypatch.setattr(world.main.loader, "ensure", refuse_one)
    wanted = {drive.resource.id: wish(drive, "09:00", "17:00") for drive in drives}
    assert await world.main.free(wanted) == {"drive-0": 1, "drive-1": 0, "drive-2": 1}
