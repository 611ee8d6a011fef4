"""A few recorded buyers in one process of Holdfast: a history of a second or two, for the checkers to judge.

The street's people are for load; these are the tests' buyers, who write down what they do.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.support.buyer import Buyer, Refused
from tests.support.waiting import until
from tests.torture.checkers import Terms
from tests.torture.checkers.converged import digest
from tests.torture.history import Recorder

Json = dict[str, Any]

GRACE_MS: Final = 1_000
TERMS: Final = Terms(grace_ms=GRACE_MS, late_ms=5_000, clocks_ms=100)
HALL: Final = "hall"


class Visitor:
    """`await visitor.shops(seats)`: some steps, each written down."""

    def __init__(self, name: str, buyer: Buyer, recorder: Recorder, dice: random.Random) -> None:
        self.name = name
        self._buyer = buyer
        self._recorder = recorder
        self._dice = dice
        self.held: dict[str, Json] = {}
        self._reference = ""

    async def comes(self) -> None:
        """Open a tab and look at the hall."""
        with self._recorder.operation(self.name, "connect") as pending:
            tab = await self._buyer.opens_tab()
            holds = tab.welcome["holds"]
            pending.ok(holds=[{key: hold[key] for key in ("id", "expires_at", "status")} for hold in holds])
        self.held = {hold["id"]: hold for hold in holds}
        tab.on_message = self._hears
        self._recorder.observe(self.name, "view", resource=HALL, how="fresh")
        await tab.watches(HALL)

    async def shops(self, seats: Sequence[str], *, victims: Callable[[], list[str]]) -> None:
        """Hold, give back, try to give back what is another's, go away and come back, buy."""
        actions = [self.takes] * 8 + [self.gives_back] * 3 + [self.meddles] * 2
        actions += [self.comes_back, self.extends, self.buys, self.buys]
        self._dice.shuffle(actions)
        for action in actions:
            await action(seats, victims)
            await asyncio.sleep(0.01 * self._dice.random())

    async def takes(self, seats: Sequence[str], _victims: Callable[[], list[str]]) -> None:
        items = [[seat, 1] for seat in self._dice.sample(seats, self._dice.randint(1, 2))]
        with self._recorder.operation(self.name, "hold", resource=HALL, items=items) as pending:
            try:
                answer = await self._buyer.tab.gets("hold", resource=HALL, items=items)
            except Refused as refused:
                pending.fail(refused.code, slots=refused.answer.get("slots", []))
                return
            hold, self._reference = answer["hold"], answer["cart"]["reference"]
            pending.ok(
                hold=hold["id"],
                items=hold["items"],
                version=answer["version"],
                expires_at=hold["expires_at"],
                reference=self._reference,
            )
            self.held[hold["id"]] = hold

    async def gives_back(self, _seats: Sequence[str], _victims: Callable[[], list[str]]) -> None:
        if self.held:
            await self._releases(self._dice.choice(list(self.held)))

    async def meddles(self, _seats: Sequence[str], victims: Callable[[], list[str]]) -> None:
        others = [hold for hold in victims() if hold not in self.held]
        if others:
            await self._releases(self._dice.choice(others))

    async def _releases(self, hold: str) -> None:
        with self._recorder.operation(self.name, "release", hold=hold) as pending:
            try:
                await self._buyer.tab.gets("release", hold=hold)
                pending.ok()
            except Refused as refused:
                pending.fail(refused.code)
        self.held.pop(hold, None)

    async def comes_back(self, _seats: Sequence[str], _victims: Callable[[], list[str]]) -> None:
        with self._recorder.operation(self.name, "disconnect") as pending:
            pending.ok()
            await self._buyer.tab.is_cut_off()
        self._buyer.tabs.clear()
        await self.comes()

    async def extends(self, _seats: Sequence[str], _victims: Callable[[], list[str]]) -> None:
        with self._recorder.operation(self.name, "extend", reference=self._reference) as pending:
            try:
                cart = await self._buyer.extends()
                pending.ok(reference=cart["reference"], expires_at=cart["expires_at"])
            except Refused as refused:
                pending.fail(refused.code)

    async def buys(self, _seats: Sequence[str], _victims: Callable[[], list[str]]) -> None:
        made = await self._books()
        if made is None:
            return
        booking, payment = made["booking"]["id"], made["payment"]["id"]
        if self._dice.random() < 0.5:
            await self._cancels(booking)
            return
        with self._recorder.operation(self.name, "pay", booking=booking, payment=payment) as pending:
            answer = await self._buyer.posts(f"/api/sandbox/payments/{payment}", {"outcome": "succeed"})
            pending.ok() if answer.is_success else pending.fail(answer.json()["code"])
        await self._reads_until_confirmed(booking)

    async def _books(self) -> Json | None:
        holds = list(self.held)
        with self._recorder.operation(self.name, "book", reference=self._reference) as pending:
            answer = await self._buyer.books()
            told: Json = answer.json()
            if not answer.is_success:
                pending.fail(told["code"])
                return None
            pending.ok(holds=holds, payment=told["payment"]["id"], **_of(told["booking"]))
        self.held.clear()
        return told

    async def _cancels(self, booking: str) -> None:
        with self._recorder.operation(self.name, "cancel", booking=booking) as pending:
            answer = await self._buyer.changes("PUT", f"/api/bookings/{booking}/cancel", {"release": True})
            pending.ok(status=answer.json()["booking"]["status"], booking=booking)

    async def _reads_until_confirmed(self, booking: str) -> None:
        async def is_confirmed() -> bool:
            with self._recorder.operation(self.name, "read", booking=booking) as pending:
                told = (await self._buyer.reads(f"/api/bookings/{booking}")).json()["booking"]
                pending.ok(**_of(told))
            return bool(told["status"] == "confirmed")

        await until(is_confirmed)

    def _hears(self, message: Json) -> None:
        kind = message["type"]
        if kind == "hold":
            told = {key: message[key] for key in ("status", "reason", "expires_at")}
            self._recorder.observe(self.name, "hold", hold=message["id"], **told)
            if message["status"] not in {"held", "paying"}:
                self.held.pop(message["id"], None)
        elif kind in {"snapshot", "delta"}:
            to = message["version"] if kind == "snapshot" else message["to"]
            since = {} if kind == "snapshot" else {"since": message["from"]}
            self._recorder.observe(
                self.name, "view", resource=HALL, epoch=message["epoch"], how=kind, to=to, **since
            )

    def stands_at(self, version: int) -> bool:
        """Whether its map is as new as that."""
        return self._buyer.map(HALL).version >= version

    def ends(self) -> None:
        """Write down what its map shows."""
        seen = self._buyer.map(HALL)
        numbers = digest(seen.first, seen.available, seen.held)
        what = {"epoch": seen.epoch, "version": seen.version, "digest": numbers}
        self._recorder.observe(self.name, "end", resource=HALL, **what)


def _of(booking: Json) -> Json:
    return {
        "booking": booking["id"],
        "reference": booking["reference"],
        "status": booking["status"],
        "total": booking["total"]["amount"],
        "currency": booking["total"]["currency"],
        "lines": [[item["resource"], item["slot"], item["quantity"]] for item in booking["items"]],
    }
