"""No double hold (I2), no double booking (I1): at no moment is more certain than there is.

Exact for histories of holds, releases and deadlines where nothing may end before it was answered
(tests/torture/oracles.py): where certain ownership fits, an order of events exists that fits, for each may
begin as late and end as early as its answers allow. Sound beyond: what the checker can't be sure of (leaving,
faults that lose holds, answers that came too late to be of use) counts as free.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import accumulate
from operator import itemgetter

from tests.torture.checkers.claims import Span
from tests.torture.checkers.stories import Stories, Story
from tests.torture.checkers.terms import Terms
from tests.torture.checkers.violation import Violation

_END, _BEGIN = 0, 1
Claim = tuple[Span, Story]
Event = tuple[int, int, int, Story]


def double_holds(stories: Stories) -> list[Violation]:
    """Every moment at which a slot, or an overlapping range, was certainly held beyond its capacity."""
    booked = _claims(stories.booked.values(), stories.booked_span)
    confirmed: dict[str, int] = {}
    for at, booking in booked:
        confirmed[booking.id] = min(at.since, confirmed.get(booking.id, at.since))

    def span(story: Story) -> Span | None:
        """Until it is known as booked."""
        found = stories.span(story)
        end = confirmed.get(story.booking or "")
        return found if found is None or end is None else found._replace(until=min(found.until, end))

    both = [*_claims(stories.holds.values(), span), *booked]
    return [*_slots(both, stories.terms, "I2", "had"), *_ranges(both, stories.terms, "I2", "had")]


def double_bookings(stories: Stories) -> list[Violation]:
    """The same of what was answered as confirmed."""
    booked = _claims(stories.booked.values(), stories.booked_span)
    return [*_slots(booked, stories.terms, "I1", "booked"), *_ranges(booked, stories.terms, "I1", "booked")]


def _claims(stories: Iterable[Story], span: Callable[[Story], Span | None]) -> list[Claim]:
    found = ((span(story), story) for story in stories)
    return [(at, story) for at, story in found if at is not None and at.since < at.until]


def _slots(claims: Iterable[Claim], terms: Terms, promise: str, how: str) -> Iterator[Violation]:
    by_slot: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for span, story in claims:
        if story.during is None:
            quantities: Counter[str] = Counter()
            for slot, quantity in story.items:
                quantities[slot] += quantity
            for slot, quantity in quantities.items():
                events = by_slot[story.resource, slot]
                events.append((span.since, _BEGIN, quantity, story))
                events.append((span.until, _END, -quantity, story))
    for (resource, slot), events in by_slot.items():
        capacity = terms.capacity_of(resource, slot)
        for total, owners in _sweep(events, capacity):
            names = ", ".join(f"{each.id} of {each.client}" for each in owners)
            text = f"{resource} {slot} is {how} {total} times of {capacity}: {names}"
            yield Violation(promise, text, tuple(owners))


def _sweep(events: list[Event], capacity: int) -> Iterator[tuple[int, list[Story]]]:
    """Ends before beginnings: what ends just when another begins is no overlap."""
    if len(events) <= 2 and events[0][2] <= capacity:
        return
    now: dict[str, Story] = {}
    total = 0
    for _, what, quantity, story in sorted(events, key=itemgetter(0, 1)):
        total += quantity
        if what == _END:
            del now[story.id]
            continue
        now[story.id] = story
        if total > capacity:
            yield total, list(now.values())


# -- ranges of grids -----------------------------------------------------------------------------------------

Taken = tuple[float, float, int, Story]
"""From when until when, how many places, and whose."""


def _ranges(claims: Iterable[Claim], terms: Terms, promise: str, how: str) -> Iterator[Violation]:
    by_resource: dict[str, list[tuple[int, int, Taken]]] = defaultdict(list)
    for span, story in claims:
        if story.during is not None:
            start, end = (datetime.fromisoformat(each).timestamp() for each in story.during)
            places = max((quantity for _, quantity in story.items), default=1)
            taken = (start, end + terms.buffer_ms / 1000, places, story)
            by_resource[story.resource].append((span.since, _BEGIN, taken))
            by_resource[story.resource].append((span.until, _END, taken))
    for resource, events in by_resource.items():
        yield from _overlaps(resource, events, terms.capacity_of(resource, ""), promise, how)


def _overlaps(
    resource: str, events: list[tuple[int, int, Taken]], capacity: int, promise: str, how: str
) -> Iterator[Violation]:
    """What stands fits, in order of time: so only at a newcomer's steps can there be too much."""
    standing: dict[str, Taken] = {}
    for _, what, taken in sorted(events, key=itemgetter(0, 1)):
        start, end, _, story = taken
        if what == _END:
            standing.pop(story.id, None)
            continue
        beside = [each for each in standing.values() if each[0] < end and start < each[1]]
        most = _most([*beside, taken])
        if most > capacity:
            others = ", ".join(f"{each[3].during} of {each[3].client}" for each in beside)
            times = "twice" if most == 2 else f"{most} times"
            text = f"{resource} is {how} {times} of {capacity}: {story.during} of {story.client}, {others}"
            yield Violation(promise, text, (story, *(each[3] for each in beside)))
        else:
            standing[story.id] = taken


def _most(taken: Iterable[Taken]) -> int:
    """The most places that are taken of any step."""
    steps = [(start, _BEGIN, places) for start, _, places, _ in taken]
    steps += [(end, _END, -places) for _, end, places, _ in taken]
    return max(accumulate(places for _, _, places in sorted(steps)))
