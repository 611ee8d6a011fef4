"""From a history to the story of each hold: whose it was, what proves it, and what may have ended it."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final, NamedTuple

from tests.torture.checkers.claims import FOREVER, Ends, Proof, Span, certain
from tests.torture.checkers.terms import MILLISECOND, Terms
from tests.torture.history import History, Operation

STANDING: Final = frozenset({"confirmed", "completed"})
ENDED: Final = frozenset({"released", "expired", "lost"})

_HARMLESS: Final = frozenset(
    {"pay", "read", "confirm", "book", "hold", "extend", "connect", "change", "offer", "accept"}
)
_AT_ONCE: Final = frozenset({"cancel"})
"""What ends a booking before it is answered, or not at all; a bank's wish does so later."""
_GONE: Final = frozenset({"hold_expired", "conflict", "not_found"})


def first_asked(operations: Iterable[Operation]) -> Callable[[Operation], int]:
    """When an operation was asked for first: one that repeats a key may be answered as that one was."""
    first: dict[tuple[str, str, str], int] = {}
    for operation in operations:
        key = operation.arguments.get("key")
        if key is not None:
            first.setdefault((operation.client, operation.kind, key), operation.invoked)

    def of(operation: Operation) -> int:
        key = operation.arguments.get("key")
        return operation.invoked if key is None else first[operation.client, operation.kind, key]

    return of


class Change(NamedTuple):
    """Somebody wanted a booking to have these lines; it may have had them at any time since."""

    asked: int
    known: int
    lines: frozenset[tuple[str, str, int]]

    def wanted_of(self, resource: str) -> set[tuple[str, str, int]]:
        """What of it is of this resource."""
        return {line for line in self.lines if line[0] == resource}


def changes_of(history: History) -> dict[str, list[Change]]:
    """By booking, all that may have been made of it, in order."""
    asked = first_asked(history.operations)
    found: dict[str, list[Change]] = defaultdict(list)
    for operation in history.operations:
        if operation.kind == "change" and operation.outcome != "fail":
            lines = frozenset((line[0], line[1], line[2]) for line in operation.arguments["lines"])
            change = Change(asked(operation), ended_by(operation)[1], lines)
            found[operation.arguments["booking"]].append(change)
    return {booking: sorted(changes, key=itemgetter(0)) for booking, changes in found.items()}


@dataclass(slots=True)
class Story:
    """All that is known of one hold, or of a booking. `items` are (slot, quantity); `during` a range.

    `own` are the acts that may have ended it, `refused` those that were told that it had ended.
    """

    id: str
    client: str
    resource: str
    reference: str
    items: Sequence[Sequence[Any]]
    during: tuple[str, str] | None = None
    asked: int = 0
    proofs: list[Proof] = field(default_factory=list)
    own: list[tuple[int, int]] = field(default_factory=list)
    refused: list[tuple[int, int]] = field(default_factory=list)
    booking: str | None = None


def ended_by(operation: Operation) -> tuple[int, int]:
    """From when until when an operation may take effect."""
    return operation.invoked, FOREVER if operation.returned is None else operation.returned


class Stories:
    """Of all holds (`holds`, by id), and of what was told as booked (`booked`): of each booking and resource
    one story, and others of what it was changed to.
    """

    def __init__(self, history: History, terms: Terms) -> None:
        self.terms = terms
        self.holds: dict[str, Story] = {}
        self.booked: dict[tuple[Any, ...], Story] = {}
        self.changes = changes_of(history)
        self._history = history
        self._asked = first_asked(history.operations)
        self._carts: dict[tuple[str, str], list[Story]] = defaultdict(list)
        self._of_client: dict[str, list[Story]] = defaultdict(list)
        self._holds_of: dict[str, list[str]] = {}
        self._bookings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._leaving = _leaving(history.operations, terms)
        self._losing = Ends(_losing(history, terms))
        self._build()

    def span(self, story: Story, *, trusting: bool = True) -> Span | None:
        """When this hold was its owner's for certain; if not `trusting`, whatever a refusal said."""
        own = story.own + story.refused if trusting else story.own
        ends = [Ends(own)] if own else []
        if story.booking is not None:
            ends += [Ends(self._bookings[story.booking])]
        if story.client in self._leaving:
            ends.append(self._leaving[story.client])
        return certain(self._of_one_life(story.proofs, ends), [*ends, self._losing])

    def _of_one_life(self, proofs: Sequence[Proof], ends: Sequence[Ends]) -> Sequence[Proof]:
        """Those until it may have ended, and Redis lost that it had: it comes back in one of before."""
        if not self._losing:
            return proofs
        ordered = sorted(proofs, key=itemgetter(1, 0))
        for place, (before, proof) in enumerate(pairwise(ordered), 1):
            ended = min((each.first(before.since) for each in ends), default=FOREVER)
            if ended < proof.since and self._losing.first(ended) < proof.known:
                return ordered[:place]
        return proofs

    def booked_span(self, story: Story) -> Span | None:
        """When this was booked for certain."""
        known = min(proof.known for proof in story.proofs)
        lines = {(story.resource, slot, quantity) for slot, quantity in story.items}
        begun = [change for change in self.changes.get(story.id, ()) if change.asked < known]
        if begun and lines == begun[-1].wanted_of(story.resource):
            begun = []
        later = [change for change in self.changes.get(story.id, ()) if change.asked >= known]
        changed = Ends((change.asked, FOREVER) for change in (*begun, *later))
        return certain(story.proofs, [Ends(self._bookings[story.id]), changed])

    def loses(self, moment: int) -> int:
        """The first moment, from this one on, at which Redis may have lost what was answered."""
        return self._losing.first(moment)

    def leaves(self, client: str) -> Ends | None:
        """When this client's sockets were gone longer than the grace."""
        return self._leaving.get(client)

    def of(self, client: str) -> Sequence[Story]:
        """All holds of a client."""
        return self._of_client.get(client, ())

    def cart(self, client: str, reference: str) -> Sequence[Story]:
        """All holds that were ever in a cart."""
        return self._carts.get((client, reference), ())

    # -- building ---------------------------------------------------------------------------------------

    def _build(self) -> None:
        for operation in self._history.operations:
            if operation.kind == "hold" and operation.outcome == "ok":
                self._took(operation)
        for operation in self._history.operations:
            self._read(operation)
        for operation in self._history.operations:
            if operation.outcome == "ok" and operation.result.get("status") in STANDING:
                proof = Proof(ended_by(operation)[1], self._asked(operation), FOREVER, resets=True)
                self._stands(operation.client, operation.result, proof)
        for seen in self._history.observations:
            if seen.kind == "booking" and seen.what.get("status") in STANDING:
                self._stands(seen.client, seen.what, Proof(seen.at, seen.at, FOREVER, resets=True))

    def _read(self, operation: Operation) -> None:
        match operation.kind, operation.outcome:
            case "hold" | "extend", "ok":
                self._moved(operation)
            case "connect", "ok":
                self._welcomed(operation)
            case "release", _:
                self._ends_hold(operation)
            case "book", _:
                self._booked(operation)
            case _ if "booking" in operation.arguments and operation.kind not in _HARMLESS:
                since, until = ended_by(operation)
                until = until if operation.kind in _AT_ONCE else FOREVER
                self._bookings[operation.arguments["booking"]].append((since, until))

    def _deadline(self, result: Mapping[str, Any]) -> int:
        return self._history.moment(result["expires_at"] - self.terms.clocks_ms)

    def _took(self, operation: Operation) -> None:
        result = operation.result
        story = self.holds.get(result["hold"])
        if story is None:
            story = Story(
                result["hold"],
                operation.client,
                result.get("resource") or operation.arguments["resource"],
                result.get("reference", ""),
                result.get("items", ()),
                tuple(result["range"]) if result.get("range") else None,
                self._asked(operation),
            )
            self.holds[story.id] = story
            self._carts[story.client, story.reference].append(story)
            self._of_client[story.client].append(story)
        story.proofs.append(Proof(ended_by(operation)[1], self._asked(operation), self._deadline(result)))

    def _moved(self, operation: Operation) -> None:
        """The other holds of its cart got its deadline."""
        if not operation.result.get("reference") or "expires_at" not in operation.result:
            return
        stories = self._carts.get((operation.client, operation.result["reference"]), ())
        if operation.kind == "hold" and len(stories) < 2:
            return
        proof = Proof(
            ended_by(operation)[1], self._asked(operation), self._deadline(operation.result), shared=True
        )
        for story in stories:
            if story.asked < operation.invoked:
                story.proofs.append(proof)

    def _welcomed(self, operation: Operation) -> None:
        for told in operation.result.get("holds", ()):
            story = self.holds.get(told["id"])
            if story is not None and told.get("status") not in ENDED:
                until = self._deadline(told)
                story.proofs.append(Proof(ended_by(operation)[1], operation.invoked, until))

    def _ends_hold(self, operation: Operation) -> None:
        story = self.holds.get(operation.arguments["hold"])
        if story is not None:
            story.own.append(ended_by(operation))

    def _booked(self, operation: Operation) -> None:
        """Begun to be paid; or nobody knows; or refused, which ends nothing but where the cart had gone."""
        if operation.outcome == "ok":
            self._pays(operation)
        elif operation.outcome == "unknown" or operation.result["code"] in _GONE:
            reference = operation.arguments.get("reference")
            for story in self._carts.get((operation.client, reference or ""), ()):
                (story.own if operation.outcome == "unknown" else story.refused).append(ended_by(operation))

    def _pays(self, operation: Operation) -> None:
        result, known = operation.result, ended_by(operation)[1]
        self._holds_of[result["booking"]] = list(result.get("holds", ()))
        until = self._deadline(result) if "expires_at" in result else known
        for hold in result.get("holds", ()):
            if hold in self.holds and result.get("status", "pending") != "cancelled":
                self.holds[hold].booking = result["booking"]
                self.holds[hold].proofs.append(Proof(known, self._asked(operation), until, resets=True))

    def _stands(self, client: str, told: Mapping[str, Any], proof: Proof) -> None:
        """Confirmed: so each of its lines is booked. Of its holds it proves nothing: they may have expired
        before, and late money took their places again.
        """
        items: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for resource, slot, quantity in told.get("lines", ()):
            items[resource].append((slot, quantity))
        changes = sum(change.asked < proof.known for change in self.changes.get(told["booking"], ()))
        for resource, taken in items.items():
            during = self._range(told["booking"], resource)
            if changes and during is not None:
                continue  # a range is told by its first step alone
            key = (told["booking"], resource, changes, *(sorted(taken) if changes else ()))
            story = self.booked.get(key)
            if story is None:
                story = Story(told["booking"], client, resource, told.get("reference", ""), taken)
                story.during = during
                self.booked[key] = story
            story.proofs.append(proof)

    def _range(self, booking: str, resource: str) -> tuple[str, str] | None:
        holds = (self.holds[hold] for hold in self._holds_of.get(booking, ()) if hold in self.holds)
        return next((hold.during for hold in holds if hold.resource == resource), None)


def _leaving(operations: Iterable[Operation], terms: Terms) -> dict[str, Ends]:
    """When holds of each client may end because its sockets were gone for the grace."""
    gone: dict[str, list[int]] = defaultdict(list)
    back: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for operation in operations:
        if operation.kind in {"leave", "disconnect"}:
            gone[operation.client].append(operation.invoked)
        elif operation.kind == "connect" and operation.returned is not None and operation.outcome == "ok":
            back[operation.client].append((operation.invoked, operation.returned))
    return {client: Ends(_absences(moments, back[client], terms)) for client, moments in gone.items()}


def _absences(
    gone: Sequence[int], back: Sequence[tuple[int, int]], terms: Terms
) -> Iterator[tuple[int, int]]:
    """A connection that was greeted within the grace takes a leaving back; a later one bounds it."""
    for moment in gone:
        over = moment + terms.grace_ms * MILLISECOND
        place = bisect_left(back, (moment, 0))
        if place == len(back):
            yield over, FOREVER
        elif back[place][1] > over - terms.clocks_ms * MILLISECOND:
            yield over, max(over, back[place][0] - 1)


def _losing(history: History, terms: Terms) -> Iterator[tuple[int, int]]:
    """When unpaid holds may have been lost: while a fault that may lose them struck."""
    begun: dict[str, int] = {}
    for seen in history.observations:
        if seen.kind == "fault" and seen.what["name"] in terms.losing:
            if seen.what["phase"] == "strike":
                begun.setdefault(seen.what["name"], seen.at)
            elif seen.what["name"] in begun:
                yield begun.pop(seen.what["name"]), seen.at
    for moment in begun.values():
        yield moment, FOREVER
