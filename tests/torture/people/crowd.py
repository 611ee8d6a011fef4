"""All people of one load process, and what the conductor may order of them."""

import asyncio
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.torture.history import Recorder
from tests.torture.people import duels, orders
from tests.torture.people.desk import Desk
from tests.torture.people.journeys import Plan, Story, buy, chances
from tests.torture.people.maps import Gallery
from tests.torture.people.person import Person
from tests.torture.people.presence import Json, Surroundings

ARRIVALS_AT_ONCE: Final = 200


class Crowd:
    """`do` carries out an order: each `_name` below is one."""

    def __init__(
        self, *, name: str, resource: str, ports: list[int], stripe: int, seed: int, path: Path
    ) -> None:
        self._name = name
        self._resource = resource
        self._seed = seed
        self._recorder = Recorder(path)
        self._around = Surroundings(self._recorder, Desk(), ports, stripe)
        self._people: list[Person] = []
        self._bots: list[Person] = []
        self._stories: list[Story] = []
        self._buying = 0
        self._named = 0

    async def do(self, what: str, **fields: Any) -> Json:
        """An order of the conductor's."""
        done: Json = await getattr(self, f"_{what}")(**fields)
        return done

    def close(self) -> None:
        """What was recorded is on disk then."""
        self._around.desk.close()
        self._recorder.close()

    async def _comes(self, count: int, port: int = 0) -> Json:
        """So many more people; answers when all are there."""
        began, doors = time.perf_counter(), asyncio.Semaphore(ARRIVALS_AT_ONCE)

        async def one(number: int) -> None:
            name = f"{self._name}{number}"
            person = Person(name, self._resource, self._around, chances(self._seed, name))
            async with doors:
                await person.comes(port)
                while person.picture is None:
                    await person.waits(0.5)
            self._people.append(person)

        start, self._named = self._named, self._named + count
        async with asyncio.TaskGroup() as arriving:
            for number in range(start, self._named):
                arriving.create_task(one(number))
        return {"here": len(self._people), "seconds": time.perf_counter() - began}

    async def _refill(self, count: int) -> Json:
        """Forget who has left for good, and let others come in their places: as many as there shall be."""
        self._people = [person for person in self._people if person.is_staying]
        return await self._comes(max(0, count - len(self._people)))

    async def _turn(self, aside: str) -> Json:
        """Begin a new history when all is quiet: the old one is put aside."""
        self._recorder.turn(Path(aside))
        self._around.gallery = Gallery()  # its snapshots lead to all that came of them
        for person in self._people:
            if person.is_here and person.is_staying:  # who fell silent has gone
                person.begins_anew()
        self._recorder.flush()
        return {}

    async def _buy(self, **plan: Any) -> Json:
        """Everybody buys; answers when everybody is content or has given up."""
        how, began = Plan(**plan), time.perf_counter()
        self._stories, self._buying = [], len(self._people)

        async def one(person: Person) -> None:
            try:
                self._stories.append(await buy(person, how))
            finally:
                self._buying -= 1

        async with asyncio.TaskGroup() as buying:
            for person in self._people:
                buying.create_task(one(person))
        return {
            "seconds": time.perf_counter() - began,
            "ends": Counter(story.end for story in self._stories),
            "confirmed": sum(len(story.confirmed) for story in self._stories),
            "tickets": sum(story.tickets for story in self._stories),
        }

    async def _progress(self) -> Json:
        return {
            "here": sum(person.is_here for person in self._people),
            "people": len(self._people),
            "buying": self._buying,
            "confirmed": sum(
                booking["status"] == "confirmed"
                for person in self._people
                for booking in person.bookings.values()
            ),
        }

    async def _pictures(self) -> Json:
        """What those that are there see: digest, epoch and version → how many; and how many are away."""
        seen: Counter[str] = Counter()
        for person in self._people:
            if person.is_staying and person.picture is not None:
                picture = person.picture
                seen[f"{picture.epoch} {picture.version} {picture.digest}"] += 1
        return {"seen": seen, "away": sum(p.is_staying and not p.is_here for p in self._people)}

    async def _end(self) -> Json:
        """Write down what each sees now that all is quiet."""
        for person in self._people:
            if person.is_staying and person.picture is not None:
                self._recorder.observe(
                    person.name,
                    "end",
                    resource=self._resource,
                    epoch=person.picture.epoch,
                    version=person.picture.version,
                    digest=person.picture.digest,
                )
        self._recorder.flush()
        return {}

    async def _drop(self, share: float, seed: int) -> Json:
        """Some lose their sockets, and come back."""
        chance = random.Random(seed)
        dropped = [person for person in self._people if chance.random() < share]
        for person in dropped:
            person.drops()
        return {"dropped": len(dropped)}

    async def _marks(self) -> Json:
        """Seconds that things took, by name, and what was counted; both begin anew."""
        marks, counts = self._around.marks, self._around.counts
        self._around.marks, self._around.counts = {}, {}
        return {"marks": marks, "counts": counts}

    async def _leave(self, ways: list[str], seconds: float, *, asks: bool = False) -> Json:
        """See orders.leave."""
        return await orders.leave(self._people, ways, seconds, asks=asks)

    async def _race(self, spread: float) -> Json:
        """See orders.race."""
        return await orders.race(self._people, spread)

    async def _duel(self, rounds: int, until: float) -> Json:
        """See duels.duel."""
        return await duels.duel(self._people, rounds, until)

    async def _expire(self, each: int) -> Json:
        """See orders.expire."""
        return await orders.expire(self._people, each)

    async def _aside(self, people: int) -> Json:
        """The first so many do not buy."""
        self._bots, self._people = self._people[:people], self._people[people:]
        return {}

    async def _hoard(self, seats: int, until: float) -> Json:
        """See orders.hoard; those who stood aside are the bots, and are of the people again afterwards."""
        try:
            return await orders.hoard(self._bots, seats, until)
        finally:
            self._people += self._bots

    async def _goes(self) -> Json:
        """Everybody leaves."""
        for person in self._people:
            await person.goes()
        return {}
