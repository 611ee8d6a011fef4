"""Reads Redis and PostgreSQL side by side and names every broken invariant (docs/architecture.md).

Pure. The two servers cannot be read at one moment, so a finding counts when it is still there in a second
reading: what was on its way between them is not.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from server.holds.rules import Hold

LATE_MS = 1_000
"""I3: a hold is given back within a second of its deadline."""

PAYING_LATE_MS = 60_000
"""How long after a booking's deadline its provider may have been out of reach before somebody should look."""


@dataclass(frozen=True, slots=True)
class SlotRow:
    """A slot as PostgreSQL has it."""

    index: int
    capacity: int
    taken: int
    blocked: bool


@dataclass(frozen=True, slots=True)
class LineRow:
    """A live booking line. `expires_at` in ms."""

    index: int
    quantity: int
    state: str
    hold: str
    reference: str
    booking_status: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """What PostgreSQL says of a resource."""

    resource: str
    epoch: str
    layout: int
    slots: Sequence[SlotRow]
    lines: Sequence[LineRow]


@dataclass(frozen=True, slots=True)
class Record:
    """A slot as Redis has it."""

    available: int
    held: int
    booked: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Live:
    """What Redis says of a resource; `now` (ms) is its clock. None of it is there before its first use.

    A grid has `days` instead of `records`: those records that there are, by index, none before `oldest`.
    """

    epoch: str
    layout: int
    now: int
    records: Sequence[Record] = ()
    holds: Sequence[Hold] = field(default_factory=tuple)
    days: Mapping[int, Record] | None = None
    oldest: int = 0

    @property
    def by_index(self) -> Mapping[int, Record]:
        """All records."""
        return dict(enumerate(self.records)) if self.days is None else self.days


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One broken invariant, as a sentence."""

    invariant: str
    resource: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.invariant}  {self.resource}: {self.sentence}"


def compare(ledger: Ledger, live: Live | None) -> list[Finding]:
    """Everything that does not hold; `live` is None where Redis does not know the resource (yet)."""
    found = [*_capacity(ledger)]
    if live is not None:
        found += [*_records(live), *_deadlines(live, ledger), *_agreement(ledger, live)]
    return sorted(Finding(invariant, ledger.resource, sentence) for invariant, sentence in found)


Broken = tuple[str, str]


def _capacity(ledger: Ledger) -> Iterator[Broken]:
    """I1, and that `taken` counts just the live lines."""
    counted: Counter[int] = Counter()
    confirmed: Counter[int] = Counter()
    for line in ledger.lines:
        counted[line.index] += line.quantity
        confirmed[line.index] += line.quantity if line.state == "confirmed" else 0
        if not _agrees(line):
            yield (
                "I1",
                f"slot {line.index} is {line.state} for {line.reference}, which is {line.booking_status}",
            )
    for slot in ledger.slots:
        if confirmed[slot.index] > slot.capacity:
            yield (
                "I1",
                f"slot {slot.index} is confirmed {confirmed[slot.index]} times, it has {slot.capacity}",
            )
        if counted[slot.index] != slot.taken:
            yield "I1", f"slot {slot.index} counts {slot.taken} as taken, its lines {counted[slot.index]}"


def _agrees(line: LineRow) -> bool:
    allowed = {"pending": {"pending"}, "confirmed": {"confirmed", "completed", "awaited", "granted"}}
    return line.booking_status in allowed[line.state]


def _records(live: Live) -> Iterator[Broken]:
    """I2: each record adds up, and `held` is what the holds hold."""
    held = _quantities(item for hold in live.holds for item in hold.items)
    records = live.by_index
    for index, record in records.items():
        # What a grid's owner has closed since may be booked: that stands.
        is_closed = live.days is not None and record.capacity == 0
        if record.held + record.booked > record.capacity and not is_closed:
            yield "I2", f"slot {index} has {record.held} held and {record.booked} booked of {record.capacity}"
        if record.available != max(0, record.capacity - record.held - record.booked):
            yield "I2", f"slot {index} shows {record.available} as available, which does not add up: {record}"
        if record.held != held[index]:
            yield "I2", f"slot {index} has {record.held} held, its holds {held[index]}"
    for index in sorted(held.keys() - records.keys()):
        if index >= live.oldest:
            yield "I2", f"slot {index} has no record, its holds {held[index]}"


def _quantities(items: Iterable[object]) -> Counter[int]:
    sums: Counter[int] = Counter()
    for item in items:
        sums[item.index] += item.quantity  # type: ignore[attr-defined]  # HeldItem and LineRow both have these
    return sums


def _deadlines(live: Live, ledger: Ledger) -> Iterator[Broken]:
    """I3, and I6 as far as a booking's own deadline goes."""
    for hold in live.holds:
        late = live.now - hold.expires_at
        if hold.status == "held" and late > LATE_MS:
            yield "I3", f"hold {hold.id} of {hold.reference} is {late} ms past its deadline"
    for line in ledger.lines:
        if line.state == "pending" and live.now - line.expires_at > PAYING_LATE_MS:
            yield "I6", f"slot {line.index} is still being paid for {line.reference}, long after its deadline"
        if line.booking_status == "awaited" and live.now - line.expires_at > PAYING_LATE_MS:
            yield "I3", f"slot {line.index} still awaits {line.reference}'s owner, long after the deadline"


def _agreement(ledger: Ledger, live: Live) -> Iterator[Broken]:
    """Redis equals what PostgreSQL and the holds say."""
    if (ledger.epoch, ledger.layout) != (live.epoch, live.layout):
        yield "R=P", f"Redis is at {live.epoch}, layout {live.layout}; not {ledger.epoch}, {ledger.layout}"
        return
    if live.days is None and len(ledger.slots) != len(live.records):
        yield "R=P", f"Redis has {len(live.records)} slots, PostgreSQL {len(ledger.slots)}"
        return
    yield from _capacities(ledger, live)
    booked = _quantities(line for line in ledger.lines if line.state == "confirmed")
    counted = {index: record.booked for index, record in live.by_index.items()}
    for index in sorted(booked.keys() | counted.keys()):
        if index >= live.oldest and counted.get(index, 0) != booked[index]:
            yield (
                "R=P",
                f"slot {index} is booked {counted.get(index, 0)} times in Redis, {booked[index]} here",
            )
    yield from _paying(ledger, live)


def _capacities(ledger: Ledger, live: Live) -> Iterator[Broken]:
    """A grid's row says nothing of its opening hours: where it is closed, Redis has none."""
    records = live.by_index
    for slot in ledger.slots:
        record = records.get(slot.index)
        allowed = {0 if slot.blocked else slot.capacity} | ({0} if live.days is not None else set())
        if record is not None and record.capacity not in allowed:
            yield (
                "R=P",
                f"slot {slot.index} has capacity {record.capacity} in Redis, {max(allowed)} in PostgreSQL",
            )


def _paying(ledger: Ledger, live: Live) -> Iterator[Broken]:
    paying = {hold.id for hold in live.holds if hold.status == "paying"}
    pending = {line.hold: line.reference for line in ledger.lines if line.state == "pending"}
    for hold in sorted(paying - pending.keys()):
        yield "R=P", f"hold {hold} is paying, and no pending booking knows it"
    for hold in sorted(pending.keys() - paying):
        yield "R=P", f"{pending[hold]} is being paid, and its hold {hold} is not paying"


def lasting(first: Iterable[Finding], second: Iterable[Finding]) -> list[Finding]:
    """What both readings found."""
    return sorted(set(first) & set(second))
