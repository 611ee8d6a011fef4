"""Histories made by hand, for tests of the checkers: times are milliseconds of one clock."""

from dataclasses import dataclass, field
from typing import Any

from tests.torture.checkers import Terms
from tests.torture.checkers.terms import MILLISECOND
from tests.torture.history import History, Observation, Operation, Outcome

SOON = 60_000
"""A deadline that no test of a minute reaches."""

EXACT = Terms(clocks_ms=0)


@dataclass
class Scribe:
    """`scribe.holds("ann", "h1", "A-1", at=(0, 10))`, … then `scribe.history`."""

    operations: list[Operation] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)

    @property
    def history(self) -> History:
        """All that was written."""
        return History.of([*self.operations, *self.observations])

    def did(
        self,
        client: str,
        kind: str,
        at: tuple[int, int | None],
        arguments: dict[str, Any],
        outcome: Outcome = "ok",
        **result: Any,
    ) -> None:
        """An operation; without an end its outcome is unknown."""
        invoked, returned = at
        self.operations.append(
            Operation(
                client=client,
                kind=kind,
                arguments=arguments,
                invoked=invoked * MILLISECOND,
                returned=None if returned is None else returned * MILLISECOND,
                outcome=outcome if returned is not None else "unknown",
                result=result,
            )
        )

    def saw(self, client: str, kind: str, at: int, **what: Any) -> None:
        """An observation."""
        self.observations.append(Observation(client=client, kind=kind, at=at * MILLISECOND, what=what))

    def holds(
        self,
        client: str,
        hold: str,
        *slots: str,
        at: tuple[int, int | None],
        until: int = SOON,
        resource: str = "hall",
        **more: Any,
    ) -> None:
        """A hold of these slots, `A-1*2` being two places; one without an end was never answered."""
        items = [item(slot) for slot in slots]
        result: dict[str, Any] = {
            "hold": hold,
            "items": items,
            "expires_at": until,
            "reference": f"BK-{client}",
            **more,
        }
        arguments: dict[str, Any] = {"resource": resource, "items": items}
        self.did(client, "hold", at, arguments, "ok", **({} if at[1] is None else result))

    def parks(
        self,
        client: str,
        hold: str,
        during: tuple[int, int],
        *,
        at: tuple[int, int | None],
        until: int = SOON,
    ) -> None:
        """A hold of a range, in hours of a day."""
        start, end = (f"2026-11-21T{hour:02}:00:00.000Z" for hour in during)
        result: dict[str, Any] = {"hold": hold, "items": [], "range": [start, end], "expires_at": until}
        arguments: dict[str, Any] = {"resource": "driveway", "range": [start, end]}
        self.did(client, "hold", at, arguments, **({} if at[1] is None else result))

    def is_refused(self, client: str, *slots: str, at: tuple[int, int], resource: str = "hall") -> None:
        """A hold that was answered with `slot_taken` for all its slots."""
        arguments = {"resource": resource, "items": [item(slot) for slot in slots]}
        names = [slot for slot, _ in arguments["items"]]
        self.did(client, "hold", at, arguments, "fail", code="slot_taken", slots=names)

    def releases(self, client: str, hold: str, *, at: tuple[int, int | None]) -> None:
        """The whole hold is given back."""
        self.did(client, "release", at, {"hold": hold})

    def books(
        self,
        client: str,
        booking: str,
        *lines: tuple[str, str, int],
        at: tuple[int, int],
        holds: tuple[str, ...] = (),
        status: str = "confirmed",
        **more: Any,
    ) -> None:
        """A booking of these lines."""
        told: dict[str, Any] = {"booking": booking, "status": status, "holds": list(holds)}
        written = [list(line) for line in lines]
        self.did(client, "book", at, {"reference": f"BK-{client}"}, **told, lines=written, **more)


def item(text: str) -> tuple[str, int]:
    """`A-1*2` is two places."""
    name, _, quantity = text.partition("*")
    return name, int(quantity or 1)
