"""The rules of holds in plain Python: what the scripts must do, for the suite that runs both.

Time is an argument (ms). A model has no Redis, no versions and no batches; what it says of a command is the
refusal, or nothing, and afterwards everything that anyone may see: the places of every slot and all holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

Status = Literal["held", "paying", "confirmed", "released", "expired"]
Refusal = Literal["taken", "limit", "conflict", "no cart", "ended", "paying"]


@dataclass(frozen=True)
class Terms:
    """Of one hall: durations in ms."""

    owner: str
    capacities: Sequence[int]
    hold_ms: int
    max_ms: int
    limit: int


@dataclass
class Hold:
    """`cart` is a number where the real one has a reference."""

    number: int
    session: str
    hall: str
    cart: int
    items: dict[int, int]
    status: Status
    expires_at: int
    first_hold_at: int
    booking: str | None = None

    @property
    def places(self) -> int:
        return sum(self.items.values())

    def is_live(self, now: int) -> bool:
        """Past its deadline a hold has ended, swept or not; while it is paid for it has none."""
        return self.status == "paying" or (self.status == "held" and self.expires_at > now)


@dataclass
class Model:
    """All halls and everybody's holds."""

    halls: Mapping[str, Terms]
    holds: dict[int, Hold] = field(default_factory=dict)
    booked: dict[tuple[str, int], int] = field(default_factory=dict)
    lives: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    carts: Iterator[int] = field(default_factory=count)

    # What may be seen.

    def held(self, hall: str, slot: int) -> int:
        """How many of a slot are held or being paid; what has run out counts until it is given back."""
        return sum(hold.items.get(slot, 0) for hold in self.standing(hall))

    def available(self, hall: str, slot: int) -> int:
        capacity = self.halls[hall].capacities[slot]
        return max(0, capacity - self.held(hall, slot) - self.booked.get((hall, slot), 0))

    def standing(self, hall: str) -> list[Hold]:
        """Holds that still occupy their places."""
        return [
            each for each in self.holds.values() if each.hall == hall and each.status in ("held", "paying")
        ]

    def of_session(self, session: str, now: int) -> list[Hold]:
        return [each for each in self.holds.values() if each.session == session and each.is_live(now)]

    def cart(self, session: str, now: int) -> list[Hold]:
        return [each for each in self.of_session(session, now) if each.status == "held"]

    # What a buyer does.

    def hold(self, session: str, hall: str, items: Mapping[int, int], now: int) -> Hold | Refusal:
        cart = self.cart(session, now)
        if any(self.halls[each.hall].owner != self.halls[hall].owner for each in cart):
            return "conflict"
        here = [each for each in cart if each.hall == hall]
        for each in here:
            if each.items == items:
                return each
        mine = [each for each in self.of_session(session, now) if each.hall == hall]
        if sum(each.places for each in mine) + sum(items.values()) > self.halls[hall].limit:
            return "limit"
        if self._conflicts(hall, items, here):
            self.expire(hall, now)
            here = [each for each in self.cart(session, now) if each.hall == hall]
        if self._conflicts(hall, items, here):
            return "taken"
        return self._take(session, hall, dict(items), now)

    def _conflicts(self, hall: str, items: Mapping[int, int], here: Sequence[Hold]) -> bool:
        """Somebody has it, or one has some of it oneself."""
        own = {slot for hold in here for slot in hold.items}
        return any(slot in own or self.available(hall, slot) < wanted for slot, wanted in items.items())

    def _take(self, session: str, hall: str, items: dict[int, int], now: int) -> Hold:
        cart = self.cart(session, now)
        first = min((each.first_hold_at for each in cart), default=now)
        number = cart[0].cart if cart else next(self.carts)
        made = Hold(next(self.numbers), session, hall, number, items, "held", now, first)
        self.holds[made.number] = made
        self._move([*cart, made], now)
        return made

    def _move(self, cart: Sequence[Hold], now: int) -> None:
        """All to now + the shortest length, none past the first hold + the lowest ceiling.

        Who does that has not left, though their page may have said so.
        """
        first = min(hold.first_hold_at for hold in cart)
        lengths = [self.halls[hold.hall].hold_ms for hold in cart]
        ceilings = [self.halls[hold.hall].max_ms for hold in cart]
        for hold in cart:
            hold.expires_at = min(now + min(lengths), first + min(ceilings))
            hold.first_hold_at = first
            self.lives.get((hold.hall, hold.session), {}).pop("leave", None)

    def release(self, hold: Hold, items: Mapping[int, int] | None) -> Refusal | None:
        """Of a hold that has run out and was not swept, nobody is the wiser: it is released."""
        if hold.status == "paying":
            return "paying"
        if hold.status != "held":
            return None
        left = {slot: n - (items or hold.items).get(slot, 0) for slot, n in hold.items.items()}
        left = {slot: n for slot, n in left.items() if n}
        if left:
            hold.items = left
        else:
            self._end(hold, "released")
        return None

    def extend(self, session: str, now: int) -> Refusal | None:
        cart = self.cart(session, now)
        if not cart:
            return "no cart"
        self._move(cart, now)
        return None

    def release_cart(self, session: str, now: int) -> None:
        for hold in self.cart(session, now):
            self._end(hold, "released")

    # What happens by itself.

    def live_until(self, session: str, field_: str, hall: str, moment: int) -> None:
        """A process, or an HTTP `leave`, says until when a session lives, if it holds anything there."""
        if any(hold.session == session for hold in self.standing(hall)):
            self.lives.setdefault((hall, session), {})[field_] = moment

    def renew(self, session: str, process: str, hall: str, moment: int) -> None:
        self.live_until(session, process, hall, moment)
        self.lives.get((hall, session), {}).pop("leave", None)

    def expire(self, hall: str, now: int) -> None:
        """What is past its deadline, then what belongs to sessions of which nobody says that they live."""
        for hold in self.standing(hall):
            if hold.status == "held" and hold.expires_at <= now:
                self._end(hold, "expired")
        for (where, session), fields in list(self.lives.items()):
            if where == hall and fields and max(fields.values()) <= now:
                for hold in self.standing(hall):
                    if hold.session == session and hold.status == "held":
                        self._end(hold, "released")
                self.lives.pop((where, session), None)

    def _end(self, hold: Hold, status: Status) -> None:
        hold.status = status
        if not any(each.session == hold.session for each in self.standing(hold.hall)):
            self.lives.pop((hold.hall, hold.session), None)

    # What bookings do.

    def begin_paying(self, holds: Sequence[Hold], booking: str, until: int, now: int) -> Refusal | None:
        if not all(hold.is_live(now) and hold.status == "held" for hold in holds):
            return "ended"
        for hold in holds:
            hold.status, hold.booking, hold.expires_at = "paying", booking, until
        return None

    def confirm(self, booking: str) -> None:
        for hold in self._paying(booking):
            for slot, wanted in hold.items.items():
                self.booked[hold.hall, slot] = self.booked.get((hold.hall, slot), 0) + wanted
            self._end(hold, "confirmed")

    def end(self, booking: str) -> None:
        for hold in self._paying(booking):
            self._end(hold, "expired")

    def retake(self, holds: Sequence[Hold], booking: str, until: int, now: int) -> Refusal | None:
        """All or none over all halls; what is due is given back where something is missing."""
        for hall in dict.fromkeys(hold.hall for hold in holds):
            gone = [hold for hold in holds if hold.hall == hall and not self._stands(hold, booking, now)]
            if self._short_of(hall, gone):
                self.expire(hall, now)
                gone = [hold for hold in holds if hold.hall == hall and not self._stands(hold, booking, now)]
            if self._short_of(hall, gone):
                return "taken"
        for hold in holds:
            hold.status, hold.booking, hold.expires_at = "paying", booking, until
        return None

    @staticmethod
    def _stands(hold: Hold, booking: str, now: int) -> bool:
        return hold.is_live(now) and (hold.status == "held" or hold.booking == booking)

    def _short_of(self, hall: str, gone: Sequence[Hold]) -> bool:
        needed: dict[int, int] = {}
        for hold in gone:
            for slot, wanted in hold.items.items():
                needed[slot] = needed.get(slot, 0) + wanted
        return any(self.available(hall, slot) < wanted for slot, wanted in needed.items())

    def return_to_cart(self, booking: str, now: int) -> Refusal | None:
        """Back into the cart, under the booking's reference, whatever else is in the cart by now."""
        paying = self._paying(booking)
        if not paying:
            return None
        others = self.cart(paying[0].session, now)
        owner = self.halls[paying[0].hall].owner
        if any(self.halls[hold.hall].owner != owner for hold in others):
            return "conflict"
        for hold in paying:
            hold.status, hold.booking = "held", None
        for hold in others:
            hold.cart = paying[0].cart
        self._move([*paying, *others], now)
        return None

    def _paying(self, booking: str) -> list[Hold]:
        return [each for each in self.holds.values() if each.status == "paying" and each.booking == booking]
