"""What a grid adds to the rules of holds: steps that have begun, and opening hours that change."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.model.model import Hold, Model


class Steps(Sequence[int]):
    """The capacity of each step, as the opening hours say it; there is no last one."""

    def __init__(self, capacity_of: Callable[[int], int]) -> None:
        self._capacity_of = capacity_of

    def __getitem__(self, index: int) -> int:  # type: ignore[override]  # nobody slices it
        return self._capacity_of(index)

    def __len__(self) -> int:
        raise NotImplementedError


@dataclass
class GridModel(Model):
    """One grid. `passed` is the first step that has not begun."""

    passed: int = 0
    drive: str = "drive"
    unbooked: set[int] = field(default_factory=set)

    def room(self, slot: int) -> int:
        """What nobody has, whether it has begun or not."""
        taken = self.held(self.drive, slot) + self.booked.get((self.drive, slot), 0)
        return self.halls[self.drive].capacities[slot] - taken

    def available(self, hall: str, slot: int) -> int:
        return 0 if slot < self.passed else max(0, super().available(hall, slot))

    def taken(self) -> Mapping[int, tuple[int, int]]:
        """(held, booked) of each step of which anything is."""
        held = Counter[int]()
        for hold in self.standing(self.drive):
            held.update(hold.items)
        booked = {slot: places for (_, slot), places in self.booked.items()}
        return {slot: (held[slot], booked.get(slot, 0)) for slot in held.keys() | booked.keys()}

    def _short_of(self, hall: str, gone: Sequence[Hold]) -> bool:
        """A payment that comes late may take again what has begun meanwhile."""
        assert hall == self.drive
        needed: dict[int, int] = {}
        for hold in gone:
            for slot, wanted in hold.items.items():
                needed[slot] = needed.get(slot, 0) + wanted
        return any(self.room(slot) < wanted for slot, wanted in needed.items())

    def unbook(self, numbers: Sequence[int]) -> None:
        """A booking is cancelled: once for each of its holds."""
        for number in numbers:
            if number not in self.unbooked:
                self.unbooked.add(number)
                for slot, wanted in self.holds[number].items.items():
                    self.booked[self.drive, slot] -= wanted

    def rebuild(self) -> Mapping[int, Hold]:
        """Bookings and what is being paid stand; of the cart's holds, the oldest first, those that fit."""
        held = [hold for hold in self.standing(self.drive) if hold.status == "held"]
        for hold in held:
            hold.status = "released"
        lost: dict[int, Hold] = {}
        for hold in sorted(held, key=lambda each: each.number):
            if all(self.room(slot) >= wanted for slot, wanted in hold.items.items()):
                hold.status = "held"
            else:
                lost[hold.number] = hold
        return lost
