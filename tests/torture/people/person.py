"""One browser as a buyer uses it: each thing it does is recorded, and says what came of it."""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.torture.history import Pending
from tests.torture.people.desk import Answer, Connection, request
from tests.torture.people.line import Unanswered
from tests.torture.people.presence import UNSURE, Json, Presence, Refused, of_booking

Result = Callable[[Json], Json]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Call:
    """A request to the desk, and the operation that it is."""

    kind: str
    method: str
    path: str
    body: object
    arguments: Json
    result: Result
    key: str = ""


class Person(Presence):
    """`comes`, then `holds`, `books` and so on: each raises Refused or Unanswered if it came to nothing."""

    async def _does(self, kind: str, arguments: Json, result: Result, **fields: Any) -> Json:
        """One recorded operation on the socket."""
        await self._here.wait()
        began = time.perf_counter()
        with self._around.recorder.operation(self.name, kind, **arguments) as pending:
            try:
                answer = await self._asks(kind, **fields)
            except Refused as no:
                pending.fail(no.code, slots=no.answer.get("slots", []))
                self._around.took(kind, time.perf_counter() - began)
                raise
            except Unanswered as nothing:
                pending.unknown(str(nothing))
                self._around.counted(f"unknown {kind}")
                if str(nothing) in UNSURE:
                    self._around.took(kind, time.perf_counter() - began)
                raise
            pending.ok(**result(answer))
        self._around.took(kind, time.perf_counter() - began)
        return answer

    async def holds(self, *slots: tuple[str, int], op: str = "") -> Json:
        """Take slots; the hold."""
        op, items = op or new_op(), [list(each) for each in slots]
        answer = await self._does(
            "hold",
            {"resource": self.resource, "items": items, "key": op},
            _of_hold,
            resource=self.resource,
            items=items,
            op=op,
        )
        hold: Json = answer["hold"]
        self.holds_known[hold["id"]] = hold
        self.latest |= {slot: str(hold["id"]) for slot, _ in slots}
        self.reference = answer["cart"]["reference"]
        return hold

    async def holds_time(self, start: str, end: str, op: str = "") -> Json:
        """Take a range of time of a grid; the hold."""
        op, span = op or new_op(), [start, end]
        asked = {"resource": self.resource, "range": span}
        answer = await self._does("hold", {**asked, "key": op}, _of_hold, **asked, op=op)
        hold: Json = answer["hold"]
        self.holds_known[hold["id"]] = hold
        self.latest[start] = str(hold["id"])
        self.reference = answer["cart"]["reference"]
        return hold

    async def releases(self, hold: str) -> None:
        """Give it back."""
        op = new_op()
        await self._does("release", {"hold": hold, "key": op}, lambda _ok: {}, hold=hold, op=op)
        self.holds_known.pop(hold, None)

    async def extends(self) -> None:
        """Ask for more time."""
        op = new_op()
        await self._does(
            "extend",
            {"reference": self.reference, "key": op},
            lambda ok: {name: ok["cart"][name] for name in ("reference", "expires_at")},
            op=op,
        )

    # What it asks at the desk.

    async def calls(self, call: Call) -> Json:
        """One recorded operation over HTTP, at the server of its socket if it can."""
        by = await self._finds_a_desk()
        who = {"token": self.user or self.token, "session": self.token if self.user else ""}
        asked = request(call.method, call.path, call.body, **who, key=call.key)
        return await self._at(by, asked, call)

    async def _at(self, by: Connection, asked: bytes, call: Call) -> Json:
        began = time.perf_counter()
        with self._around.recorder.operation(self.name, call.kind, **call.arguments) as pending:
            try:
                answer = await self._around.desk.asks(by, asked)
                self._judges(call, pending, answer)
            except Unanswered as nothing:
                pending.unknown(str(nothing))
                self._around.counted(f"unknown {call.kind}")
                raise
            finally:
                self._around.took(call.kind, time.perf_counter() - began)
        found: Json = answer.body
        return found

    def _judges(self, call: Call, pending: Pending, answer: Answer) -> None:
        if not answer.is_final:
            raise Unanswered(f"{answer.status} {answer.code}", answer.retry_after)
        if not answer.is_good:
            pending.fail(answer.code, slots=answer.body.get("slots", []))
            self._around.counted(f"refused {call.kind}: {answer.code}")
            raise Refused(answer.code, answer.body)
        pending.ok(**call.result(answer.body))

    async def _finds_a_desk(self) -> Connection:
        """Where a server takes a connection: its own first."""
        while True:
            port = self.port or self.chance.choice(self._around.ports)
            try:
                return await self._around.desk.reaches(port)
            except OSError:
                await self.waits(self.chance.uniform(0.05, 0.3))

    async def books(self, key: str) -> Json:
        """Book the cart; the answer, with `booking` and `payment`."""
        customer = {"customer": {"name": self.name, "email": f"{self.name}@example.org"}}
        arguments = {"reference": self.reference, "key": key}
        call = Call("book", "POST", "/api/bookings", customer, arguments, self._of_booked, key)
        answer = await self.calls(call)
        self.bookings[answer["booking"]["id"]] = answer["booking"]
        return answer

    def _of_booked(self, said: Json) -> Json:
        slots = {item["slot"] for item in said["booking"]["items"]}
        holds = sorted({hold for slot, hold in self.latest.items() if slot in slots})
        return {**of_booking(said["booking"]), "payment": said["payment"]["id"], "holds": holds}

    async def pays(self, booked: Json, outcome: str = "succeed") -> None:
        """At whoever takes the money."""
        payment = booked["payment"]
        arguments = {"booking": booked["booking"]["id"], "payment": payment["id"], "outcome": outcome}
        if payment["provider"] == "sandbox":
            path = f"/api/sandbox/payments/{payment['id']}"
            await self.calls(Call("pay", "POST", path, {"outcome": outcome}, arguments, _nothing))
        else:
            card = "4242424242424242" if outcome == "succeed" else "4000000000000002"
            intent = payment["client_secret"].partition("_secret_")[0]
            call = Call(
                "pay", "POST", "/_control/pay", {"object_id": intent, "card": card}, arguments, _nothing
            )
            by = await self._around.desk.reaches(self._around.stripe)
            await self._at(by, request(call.method, call.path, call.body), call)

    async def reads(self, booking: str) -> Json:
        """How a booking stands."""
        return await self._tells("read", "GET", booking)

    async def cancels(self, booking: str, **fields: Any) -> Json:
        """Give a booking up."""
        return await self._tells("cancel", "PUT", booking, "/cancel", fields)

    async def _tells(self, kind: str, method: str, booking: str, end: str = "", body: object = None) -> Json:
        path, key = f"/api/bookings/{booking}{end}", "" if body is None else new_op()
        call = Call(kind, method, path, body, {"booking": booking}, _of_told, key)
        found: Json = (await self.calls(call))["booking"]
        self.bookings[booking] = found
        return found


def _nothing(_said: Json) -> Json:
    return {}


def _of_told(said: Json) -> Json:
    return of_booking(said["booking"])


def _of_hold(held: Json) -> Json:
    hold = held["hold"]
    return {
        **{name: hold.get(name) for name in ("resource", "items", "range", "expires_at")},
        "hold": hold["id"],
        "version": held["version"],
        "reference": held["cart"]["reference"],
    }


def new_op() -> str:
    """An intention's own name."""
    return f"{time.time_ns():x}{secrets.token_hex(6)}"


async def insists(
    does: Callable[[], Awaitable[Found]], until: float, chance: random.Random, pause: float = 0.2
) -> Found:
    """Do it again, by the same name, until somebody says what came of it; after `until` raise Unanswered."""
    while True:
        try:
            return await does()
        except Unanswered as nothing:
            if time.monotonic() > until:
                raise
            asked_to_wait = nothing.retry_after
        await asyncio.sleep(asked_to_wait + chance.uniform(0, pause))
        pause = min(2.0, 2 * pause)
