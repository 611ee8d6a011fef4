"""Buyers who hold and give back at an even rate, and how soon each change was seen by those who watch."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.buyer import op
from bench.buyers import Answers, Buyer, Buyers, masked
from bench.viewers import Story


@dataclass
class Seen:
    """Milliseconds from a buyer's command to the frame at a viewer, over many of both."""

    took: list[float]
    unseen: int


class Sale:
    """One hall and its buyers, each with one hold of `party` seats at a time, of `only` these if given.

    No seat is held twice, so that its two changes can be told apart in the frames.
    """

    def __init__(
        self,
        port: int,
        resource: str,
        seats: int,
        *,
        buyers: int = 400,
        party: int = 1,
        only: Sequence[int] | None = None,
    ) -> None:
        seats_ = range(seats) if only is None else only
        self.buyers = Buyers(port, buyers)
        self.made: dict[tuple[int, bool], float] = {}
        self._resource = resource
        self._party = party
        self._left = [seats_[at : at + party] for at in range(0, len(seats_) - party, party)][::-1]
        self._has: dict[int, Sequence[int]] = {}
        self._turn = 0

    def opens(self) -> None:
        """All buyers say hello."""
        self.buyers.connect()

    def runs(self, rate: float, seconds: float) -> Answers:
        """So many seats change a second, or as many as are answered."""
        pace = rate / self._party
        return self.buyers.ask_evenly(self._commands(round(pace * seconds)), pace)

    def _commands(self, count: int) -> Iterator[tuple[Buyer, bytes]]:
        offset = time.time() - time.perf_counter()
        for _ in range(count):
            while (buyer := self._free()) is None:
                self.buyers.listen(0.001)  # all of them wait for an answer: the rate will not be reached
            seats = self._has.pop(buyer.number, None)
            held = seats is None
            if seats is None:
                seats = self._has[buyer.number] = self._left.pop()
                frame = self._hold(seats)
            else:
                frame = masked({"type": "release", "ref": 1, "op": op(), "hold": buyer.hold})
            buyer.hold = ""
            yield buyer, frame
            for seat in seats:
                self.made[seat, held] = buyer.asked_at + offset

    def _hold(self, seats: Sequence[int]) -> bytes:
        items = [[f"s{seat}", 1] for seat in seats]
        return masked({"type": "hold", "ref": 1, "op": op(), "resource": self._resource, "items": items})

    def _free(self) -> Buyer | None:
        """The next one in turn who waits for nothing: one that has a hold knows its id."""
        for _ in self.buyers.all:
            self._turn = (self._turn + 1) % len(self.buyers.all)
            buyer = self.buyers.all[self._turn]
            if buyer.number not in self._has or buyer.hold:
                return buyer
        return None

    def seen(self, story: Story, watchers: range, since: float, until: float) -> Seen:
        """When these watchers saw what was changed between two times (of the machine's clock)."""
        wanted = {key: when for key, when in self.made.items() if since <= when < until}
        took: list[float] = []
        unseen = 0
        for watcher in watchers:
            left = dict(wanted)
            for when, message in story.told(watcher):
                if message["type"] == "delta":
                    changes = message["changes"]
                    for at in range(0, len(changes), 3):
                        made = left.pop((changes[at], changes[at + 2] > 0), None)
                        if made is not None:
                            took.append(1000 * (when - made))
            unseen += len(left)
        return Seen(took, unseen)
