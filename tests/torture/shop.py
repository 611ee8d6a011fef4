"""A shop of a hundred lines, right or wrong in one way, whose buyers' histories the checkers are tried on.

Times are milliseconds. Every answer takes its time in both directions, some never come, and what was never
answered may have been done all the same.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.torture.checkers import Terms
from tests.torture.checkers.converged import digest
from tests.torture.checkers.ledger import Booking, Intent, Ledger, Line, Payment
from tests.torture.history import History, Outcome
from tests.torture.scribe import Scribe

SLOTS: Final = ("A", "B", "C")
LASTS: Final = 150
GRACE: Final = 60
LATE: Final = 20
PRICE: Final = 1_000

BUGS: Final = {
    "sells twice": "I2",
    "ends early": "I3",
    "tells nothing": "I3",
    "forgets to free": "I3",
    "frees what is connected": "I7",
    "lets anybody release": "I9",
    "gives a version twice": "I10",
    "goes back": "I10",
    "shows another hall": "I5",
    "forgets a booking": "I8",
    "charges twice": "I4",
}


@dataclass
class Hold:
    """`until` is when it is due."""

    id: str
    client: str
    slot: str
    until: int
    is_booked: bool = False


@dataclass
class Shop:
    """`shop.runs()`, then `history`, `ledger` and `intents`. `bug` is what it does wrong."""

    seed: int
    bug: str = ""
    capacity: int = 1
    scribe: Scribe = field(default_factory=Scribe)
    bookings: dict[str, Booking] = field(default_factory=dict)
    intents: list[Intent] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.now = 0
        self.version = 0
        self.holds: dict[str, Hold] = {}
        self.away: dict[str, int] = {}
        self.shown: dict[str, int] = {}
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.count = 0

    @property
    def terms(self) -> Terms:
        """What the checkers are to know of it."""
        return Terms(grace_ms=GRACE, late_ms=LATE, clocks_ms=1, capacity=self.capacity)

    @property
    def history(self) -> History:
        """What its buyers wrote down."""
        return self.scribe.history

    @property
    def ledger(self) -> Ledger:
        """What it says was sold."""
        capacities = {("hall", slot): self.capacity for slot in SLOTS}
        return Ledger(self.now, self.bookings, self.payments, capacities)

    def at(self, moment: int, what: Callable[[], None]) -> None:
        """Do this then."""
        self.count += 1
        heapq.heappush(self.queue, (moment, self.count, what))

    def runs(self, buyers: int = 4, steps: int = 12) -> None:
        """Until everybody has done so much, and all is quiet."""
        for number in range(buyers):
            client = f"c{number}"
            self.at(self.dice.randrange(20), lambda client=client: self.connects(client, steps))  # type: ignore[misc]  # a default binds it
        while self.queue:
            self.now, _, what = heapq.heappop(self.queue)
            what()
        self.now += LASTS + LATE + 50
        numbers = [sum(hold.slot == slot for hold in self.holds.values()) for slot in SLOTS]
        for client in ("server", *(f"c{number}" for number in range(buyers))):
            wrong = self.bug == "shows another hall" and client == "c1"
            self.scribe.saw(
                client,
                "truth" if client == "server" else "end",
                self.now,
                resource="hall",
                epoch="e",
                version=self.version,
                digest=digest(0, numbers, [9] if wrong else []),
            )

    # -- one buyer --------------------------------------------------------------------------------------

    def connects(self, client: str, steps: int) -> None:
        """And go on with so many steps."""

        def effect() -> tuple[Outcome, dict[str, object]]:
            self.away.pop(client, None)
            kept = [hold for hold in self.holds.values() if hold.client == client]
            told = [{"id": hold.id, "expires_at": hold.until, "status": "held"} for hold in kept]
            return "ok", {"holds": told}

        self.asks(client, "connect", {}, effect, steps, loses=False)

    def acts(self, client: str, steps: int) -> None:
        """One step."""
        mine = [hold for hold in self.holds.values() if hold.client == client and not hold.is_booked]
        if steps <= 0:
            return
        choice = self.dice.random()
        if not mine or choice < 0.5:
            self.takes(client, steps)
        elif choice < 0.75:
            self.gives_back(client, self.dice.choice(mine).id, steps)
        elif choice < 0.9:
            self.buys(client, self.dice.choice(mine), steps)
        else:
            self.scribe.did(client, "disconnect", (self.now, self.now), {})
            left = self.away[client] = self.now
            if self.bug == "frees what is connected":
                self.at(self.now + 2, lambda: self.frees(client))
            self.at(self.now + GRACE, lambda: self.frees(client) if self.away.get(client) == left else None)
            self.at(self.now + self.dice.randrange(3 * GRACE), lambda: self.connects(client, steps - 1))

    def asks(
        self,
        client: str,
        kind: str,
        arguments: dict[str, object],
        effect: Callable[[], tuple[Outcome, dict[str, object]]],
        steps: int,
        *,
        loses: bool = True,
    ) -> None:
        """A request, whose effect comes later, and whose answer later still or never."""
        invoked, is_lost = self.now, loses and self.dice.random() < 0.1
        done = invoked + self.dice.randrange(1, 15)
        returned = done + self.dice.randrange(1, 15)

        def happens() -> None:
            outcome, result = effect()
            if not is_lost:
                self.scribe.did(client, kind, (invoked, returned), arguments, outcome, **result)

        if is_lost:
            self.scribe.did(client, kind, (invoked, None), arguments)
        if not is_lost or self.dice.random() < 0.5:
            self.at(done, happens)
        self.at(returned + self.dice.randrange(1, 40), lambda: self.acts(client, steps - 1))

    def takes(self, client: str, steps: int) -> None:
        slot = self.dice.choice(SLOTS)
        items = [(slot, 1)]

        def effect() -> tuple[Outcome, dict[str, object]]:
            taken = sum(hold.slot == slot for hold in self.holds.values())
            if taken >= self.capacity and self.bug != "sells twice":
                return "fail", {"code": "slot_taken", "slots": [slot]}
            self.count += 1
            hold = Hold(f"h{self.count}", client, slot, self.now + LASTS)
            self.holds[hold.id] = hold
            self.changes()
            due = hold.until - (LASTS // 3 if self.bug == "ends early" else 0)
            self.at(due, lambda: self.ends(hold))
            told: dict[str, object] = {"hold": hold.id, "items": items, "expires_at": hold.until}
            return "ok", {**told, "version": self.version, "reference": hold.id}

        self.asks(client, "hold", {"resource": "hall", "items": items}, effect, steps)

    def gives_back(self, client: str, hold: str, steps: int) -> None:
        asker = "c0" if self.bug == "lets anybody release" else client

        def effect() -> tuple[Outcome, dict[str, object]]:
            if hold not in self.holds or self.holds[hold].is_booked:
                return "fail", {"code": "not_found"}
            del self.holds[hold]
            self.changes()
            return "ok", {"version": self.version}

        self.asks(asker, "release", {"hold": hold}, effect, steps)

    def buys(self, client: str, hold: Hold, steps: int) -> None:
        def effect() -> tuple[Outcome, dict[str, object]]:
            if hold.id not in self.holds:
                return "fail", {"code": "hold_expired"}
            hold.is_booked = True
            name = f"b-{hold.id}"
            line = Line("hall", hold.slot, 1, "confirmed", hold.id)
            if self.bug != "forgets a booking":
                self.bookings[name] = Booking(
                    name, hold.id, client, "confirmed", "paid", PRICE, "gbp", 0, (line,)
                )
            for number in range(2 if self.bug == "charges twice" else 1):
                intent = Intent(
                    f"pi-{name}-{number}", name, f"p-{name}", "gbp", PRICE, "succeeded", captured=PRICE
                )
                self.intents.append(intent)
            self.payments.append(Payment(f"p-{name}", name, name, f"pi-{name}-0", "paid", PRICE, "gbp"))
            told = {"booking": name, "status": "confirmed", "holds": [hold.id], "total": PRICE}
            return "ok", {**told, "lines": [["hall", hold.slot, 1]]}

        self.asks(client, "book", {"reference": hold.id}, effect, steps)

    # -- what happens by itself -------------------------------------------------------------------------

    def ends(self, hold: Hold) -> None:
        """Its deadline has come."""
        if hold.id not in self.holds or hold.is_booked:
            return
        if self.bug != "forgets to free":
            del self.holds[hold.id]
            self.changes()
        if self.bug != "tells nothing" and hold.client not in self.away:
            at = self.now + self.dice.randrange(LATE)
            self.scribe.saw(hold.client, "hold", at, hold=hold.id, status="expired")

    def frees(self, client: str) -> None:
        """Its sockets have been gone too long."""
        gone = [hold for hold in self.holds.values() if hold.client == client and not hold.is_booked]
        for hold in gone:
            del self.holds[hold.id]
            self.changes()

    def changes(self) -> None:
        """A new version, shown to all."""
        before = self.version
        self.version += 0 if self.bug == "gives a version twice" and self.dice.random() < 0.3 else 1
        for client in Counter(hold.client for hold in self.holds.values()):
            had = self.shown.get(client)
            how = "snapshot" if had is None or self.dice.random() < 0.1 else "delta"
            to = self.version - 5 if self.bug == "goes back" and how == "snapshot" else self.version
            self.shown[client] = to
            since = before if had is None else had
            self.scribe.saw(client, "view", self.now, resource="hall", epoch="e", how=how, since=since, to=to)
