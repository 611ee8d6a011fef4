"""The scripts of server/holds/lua in plain Python, each under its file's name; test_live.py holds them to it.

Grids' own (`days`, `pass`) and the choice of the best places are not simulated: asking for them is an error.
"""

from array import array
from collections.abc import Callable
from functools import partial
from typing import Final

from tests.simulation.live import AWAITED, REMEMBERED, Content, Hold, Outcome, Slot, Turn, by_age, in_cart

Work = Callable[[Turn, tuple[bytes, ...]], bytes]

CLOCKS_DIFFER: Final = 10_000


def take_items(turn: Turn) -> Outcome:  # noqa: PLR0911  # as the script has them
    """lib/taking.lua."""
    given = turn.given
    before = turn.remembered("hold")
    if before is not None:
        return before
    if any(index >= len(turn.live.slots) for index, _ in given["items"]):
        return turn.answer({"status": "outdated"})
    mine = turn.holds_of(given["session"])
    known = turn.read(given["id"])
    if known is not None:
        return lambda: turn.answer({**_held(turn, known, mine), "created": True, "replayed": True})
    for hold in in_cart(mine):
        if [item[:2] for item in hold["items"]] == [list(item) for item in given["items"]]:
            return partial(_remembered, turn, hold, mine, None)
    has = sum(map(_places, mine))
    if given["limit"] > 0 and has + sum(quantity for _, quantity in given["items"]) > given["limit"]:
        return turn.remember("hold", {"status": "limit", "has": has}, turn.now)
    missing = _missing(turn, in_cart(mine))
    if missing and turn.end_all_due(given["liveness"]):
        mine = turn.holds_of(given["session"])
        missing = _missing(turn, in_cart(mine))
    if missing:
        return partial(_taken, turn, missing)
    hold = _take(turn, in_cart(mine))
    _stay_alive(turn)
    return partial(_remembered, turn, hold, mine, turn.step)


def _held(turn: Turn, hold: Hold, mine: list[Hold], at: int | None = None) -> Content:
    others = [each for each in mine if each["id"] != hold["id"]]
    version = turn.version_at(at)
    return {"status": "held", "created": at is not None, "hold": hold, "others": others, "version": version}


def _remembered(turn: Turn, hold: Hold, mine: list[Hold], at: int | None) -> bytes:
    return turn.remember("hold", _held(turn, hold, mine, at), hold["expires_at"])


def _taken(turn: Turn, missing: list[int]) -> bytes:
    content = {"status": "taken", "slots": missing, "version": turn.version_at()}
    return turn.remember("hold", content, turn.now)


def _places(hold: Hold) -> int:
    return sum(item[1] for item in hold["items"])


def _missing(turn: Turn, cart: list[Hold]) -> list[int]:
    own = {item[0] for hold in cart for item in hold["items"]}
    slots = turn.live.slots
    return [
        index for index, quantity in turn.given["items"] if index in own or slots[index].available < quantity
    ]


def _take(turn: Turn, cart: list[Hold]) -> Hold:
    given = turn.given
    reference, first_hold_at = _cart_to_join(turn, cart)
    deadline = turn.shared_deadline(first_hold_at)
    hold = {
        "id": given["id"],
        "session": given["session"],
        "resource": given["resource"],
        "reference": reference,
        "items": [[index, quantity, turn.live.prices[index]] for index, quantity in given["items"]],
        "currency": turn.meta.currency,
        "status": "held",
        "created_at": turn.now,
        "expires_at": deadline,
        "first_hold_at": first_hold_at,
    }
    for index, quantity in given["items"]:
        turn.change(index, quantity, 0)
    turn.keep(hold)
    turn.tell(hold, "")
    for other in cart:
        turn.move(other, deadline)
    return hold


def _cart_to_join(turn: Turn, cart: list[Hold]) -> tuple[str, int]:
    given = turn.given
    if cart:
        return cart[0]["reference"], cart[0]["first_hold_at"]
    if given.get("reference"):
        return given["reference"], given.get("first_hold_at") or turn.now
    if any(turn.read(each) is None for each in given.get("pending", ())):
        return given["joining"], turn.now
    return given["fresh"], turn.now


def _stay_alive(turn: Turn) -> None:
    given = turn.given
    turn.take_back_leave(given["session"])
    if given.get("process"):
        turn.set_liveness(given["session"], given["process"], turn.now + given["live_ms"])
        turn.weigh_liveness(given["session"])


def hold(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    if turn.now > turn.given["latest"]:
        return turn.answer({"status": "late"})
    outcome = take_items(turn)
    turn.commit()
    return turn.said(outcome)


def _bring_back(turn: Turn) -> None:
    last, deadlines = turn.now + turn.meta.longest, turn.live.deadlines
    late = [name for name in _in_time(deadlines) if deadlines[name] > last + CLOCKS_DIFFER]
    for each in map(turn.read, late[: turn.given["limit"]]):
        assert each is not None, "what stands has no end yet"
        each["expires_at"] = last
        each["first_hold_at"] = min(each.get("first_hold_at") or turn.now, turn.now)
        each.pop("put_off", None)
        turn.keep(each)
        turn.tell(each, "")


def expire(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    given = turn.given
    if turn.meta.longest:
        _bring_back(turn)
    turn.end_due(given["limit"], given["liveness"], given.get("reference"))
    turn.commit()
    due = [*turn.live.deadlines.values(), *(turn.live.lives.values() if given["liveness"] else ())]
    is_abandoned = turn.live.unfinished is not None and turn.live.lease(turn.now) is None
    return turn.answer(
        {
            **({"abandoned": True} if is_abandoned else {}),
            "status": "expired",
            "holds": [event["hold"] for event in turn.events if event["reason"]],
            "next": min(due, default=None),
            "epoch": turn.meta.epoch,
            "version": turn.meta.version,
            "layout": turn.meta.layout,
            "run_id": turn.meta.run_id,
        }
    )


def release(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    outcome, _holds = release_holds(turn)
    turn.commit()
    return turn.said(outcome)


def release_holds(turn: Turn) -> tuple[Outcome, list[Hold]]:
    """lib/releasing.lua."""
    given, released_at = turn.given, None
    before = turn.remembered("release")
    if before is not None:
        return before, []
    found = [turn.read(each) for each in given["holds"]]
    holds = [each for each in found if each is not None and each["session"] == given["session"]]
    if any(each["status"] == "paying" for each in holds):
        return turn.answer({"status": "paying"}), []
    for each in holds:
        if each["status"] == "held":
            left = _remaining(each, given["items"]) if given.get("items") else []
            if left is None:
                return turn.answer({"status": "excess"}), []
            if left:
                _release_part(turn, each, left)
            else:
                turn.finish(each, "released", "released")
            released_at = turn.step
    return partial(_released, turn, holds, released_at), holds


def _released(turn: Turn, holds: list[Hold], at: int | None) -> bytes:
    living = max([turn.now, *(each["expires_at"] for each in holds if each["status"] == "held")])
    content = {"status": "released", "holds": holds, "version": turn.version_at(at)}
    return turn.remember("release", content, living)


def _remaining(hold: Hold, items: list[list[int]]) -> list[list[int]] | None:
    given: dict[int, int] = dict(items)  # type: ignore[arg-type]  # pairs, all of them
    left = [[index, quantity - given.pop(index, 0), price] for index, quantity, price in hold["items"]]
    if given or any(quantity < 0 for _, quantity, _ in left):
        return None
    return [item for item in left if item[1]]


def _release_part(turn: Turn, hold: Hold, left: list[list[int]]) -> None:
    for index, quantity in turn.given["items"]:
        turn.change(index, -quantity, 0)
    hold["items"] = left
    turn.keep(hold)
    turn.tell(hold, "")


def move(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    given = turn.given
    before = turn.remembered("move")
    if before is not None:
        return before
    expires_at = turn.given_deadline()
    moved = []
    for each in map(turn.read, given["holds"]):
        is_held = each is not None and turn.is_live(each) and each["status"] == "held"
        if each is not None and is_held and each["session"] == given["session"]:
            turn.move(each, expires_at, given.get("reference"), given.get("first_hold_at"))
            moved.append(each)
    turn.take_back_leave(given["session"])
    turn.commit()
    content = {"status": "moved", "holds": moved, "expires_at": expires_at, "version": turn.meta.version}
    return turn.remember("move", content, expires_at)


def leave(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    for session in turn.given["sessions"]:
        if session in turn.live.sessions:
            turn.set_liveness(session, turn.given["field"], turn.now + turn.given["grace_ms"])
            turn.weigh_liveness(session)
    return turn.answer({"status": "left"})


def renew(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    for session in turn.given["sessions"]:
        if session in turn.live.sessions:
            turn.set_liveness(session, turn.given["process"], turn.now + turn.given["live_ms"])
            turn.live.live[session].pop("leave", None)
            turn.weigh_liveness(session)
    return turn.answer({"status": "renewed"})


def await_(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    given, moment = turn.given, turn.now + turn.given["wait_ms"]
    holds = [each for each in map(turn.read, given["holds"]) if each is not None]
    for each in holds:
        if _may_be_booked(turn, each):
            is_put_off = ends_too_soon(turn, each, moment)
            each["awaits"] = moment
            if is_put_off:
                turn.put_off(each, moment)
            else:
                turn.live.holds[each["id"]] = (dict(each), None)
    turn.stays_alive_until(given["session"], moment)
    turn.commit()
    return turn.answer({"status": "awaited", "holds": holds})


def _may_be_booked(turn: Turn, hold: Hold) -> bool:
    if turn.meta.epoch is None or hold["status"] != "held":
        return False
    return turn.is_live(hold) or turn.waits_for_word(hold)


def ends_too_soon(turn: Turn, hold: Hold, moment: int) -> bool:
    return hold["expires_at"] < moment and (not hold.get("put_off") or turn.waits_for_word(hold))


def pay(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    given, found = turn.given, {each: turn.read(each) for each in turn.given["holds"]}
    ended = [name for name, each in found.items() if not _may_be_paid(turn, each)]
    if ended:
        return turn.answer({"status": "ended", "ended": ended})
    holds = [each for each in found.values() if each is not None]
    for each in holds:
        if each["status"] == "held" or each["expires_at"] < given["until_ms"]:
            if each["status"] == "held":
                each["held_until"] = each["expires_at"]
            each.update(status="paying", booking=given["booking"], expires_at=given["until_ms"])
            turn.keep(each)
            turn.tell(each, "")
    turn.commit()
    return turn.answer({"status": "paying", "holds": holds, "version": turn.meta.version})


def _may_be_paid(turn: Turn, hold: Hold | None) -> bool:
    if hold is None or not turn.is_live(hold):
        return False
    return hold["status"] == "held" or bool(hold.get("booking") == turn.given["booking"])


def confirm(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    for each in map(turn.read, turn.given["holds"]):
        if each is None or each.get("booking") not in (None, turn.given["booking"]):
            continue
        if each["status"] in ("held", "paying"):
            each["booking"] = turn.given["booking"]
            turn.live.unbooked.pop(f"{turn.given['booking']}:{each['id']}", None)
            turn.finish(each, "confirmed", "confirmed")
    turn.commit()
    return turn.answer({"status": "confirmed", "version": turn.meta.version})


def _own_paying(turn: Turn) -> list[Hold]:
    found = map(turn.read, turn.given["holds"])
    return [
        each
        for each in found
        if each is not None and each["status"] == "paying" and each.get("booking") == turn.given["booking"]
    ]


def end(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    for each in _own_paying(turn):
        turn.finish(each, turn.given["as"], turn.given["reason"])
    turn.commit()
    return turn.answer({"status": "ended", "version": turn.meta.version})


def return_to_cart(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    given = turn.given
    expires_at = None if given.get("undone") else turn.given_deadline()
    holds = _own_paying(turn)
    for each in holds:
        each.pop("booking", None)
        had = each.pop("held_until", None)
        deadline = expires_at or had or turn.shared_deadline(each["first_hold_at"])
        each.update(status="held", expires_at=deadline)
        each["first_hold_at"] = given.get("first_hold_at") or each["first_hold_at"]
        turn.keep(each)
        turn.take_back_leave(each["session"])
        turn.tell(each, "cancelled")
    turn.commit()
    reckoned = {} if expires_at is None else {"expires_at": expires_at}
    return turn.answer({"status": "returned", "holds": holds, **reckoned, "version": turn.meta.version})


def retake(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    given = turn.given
    slots = _short_of(turn)
    if slots and turn.end_all_due(True):
        slots = _short_of(turn)
    if slots:
        turn.commit()
        return turn.answer({"status": "taken", "slots": slots, "version": turn.meta.version})
    for wanted in given["holds"]:
        taken = _standing(turn, wanted)
        if taken is None:
            taken = {name: value for name, value in wanted.items() if value is not None}
            for index, quantity, *_price in taken["items"]:
                turn.change(index, quantity, 0)
        taken.update(status="paying", booking=given["booking"], expires_at=given["until_ms"])
        turn.keep(taken)
        turn.tell(taken, "")
    turn.commit()
    return turn.answer({"status": "paying", "version": turn.meta.version})


def _standing(turn: Turn, wanted: Hold) -> Hold | None:
    found = turn.read(wanted["id"])
    if found is None or not turn.is_live(found):
        return None
    return found if found["status"] == "held" or found.get("booking") == turn.given["booking"] else None


def _short_of(turn: Turn) -> list[int]:
    needed: dict[int, int] = {}
    for wanted in turn.given["holds"]:
        if _standing(turn, wanted) is None:
            for index, quantity, *_ in wanted["items"]:
                needed[index] = needed.get(index, 0) + quantity
    known = len(turn.live.slots)
    return sorted(
        index for index, quantity in needed.items() if index >= known or not turn.has_room(index, quantity)
    )


def unbook(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    given = turn.given
    for each in given["holds"] if turn.meta.epoch == given["epoch"] else ():
        name = f"{given['booking']}:{each['id']}"
        known = turn.read(each["id"])
        was_booked = known is None or known["status"] == "confirmed"
        epoch, until = turn.live.unbooked.get(name, ("", 0))
        if was_booked and (until <= turn.now or epoch != turn.meta.epoch):
            turn.live.unbooked[name] = (given["epoch"], turn.now + REMEMBERED)
            for index, quantity, *_price in each["items"]:
                turn.change(index, 0, -quantity)
    turn.commit()
    return turn.answer({"status": "unbooked", "version": turn.meta.version})


def recall(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    before = turn.remembered("hold")
    if before is not None:
        return before
    known = turn.read(turn.given["id"])
    if known is None:
        return turn.answer({"status": "ended"})
    content = {"status": "held", "created": True, "replayed": True, "hold": known}
    return turn.answer({**content, "version": turn.meta.version})


def load(turn: Turn, blobs: tuple[bytes, ...]) -> bytes:
    live, given, meta = turn.live, turn.given, turn.meta
    if not live.is_builder(given["token"], turn.now):
        return turn.answer({"status": "lease_lost"})
    held = by_age([hold for hold in map(turn.read, live.deadlines) if hold is not None])
    paying = [hold for hold in map(turn.read, _in_time(live.paying)) if hold is not None]
    meta.epoch, meta.layout, meta.width = given["epoch"], given["layout"], given["width"]
    meta.currency, meta.run_id = given["currency"], given["run_id"]
    flat = array("BHI"[meta.width.bit_length() - 1], blobs[0])
    live.slots = [Slot(0, flat[at + 2], flat[at + 3]) for at in range(0, len(flat), 4)]
    live.prices = array("I", blobs[1]).tolist()
    pending, confirmed = _put_pending(turn), set(given.get("confirmed", ()))
    returned = set(given.get("returned", ()))
    for each in paying:
        if each["id"] in returned - confirmed - pending and _fits(turn, each):
            _occupy(turn, each)
        elif each["id"] not in pending:
            is_booked = each["id"] in confirmed
            _drop(turn, each, *(("confirmed", "confirmed") if is_booked else ("released", "cancelled")))
    for each in held:
        if each["id"] in confirmed and each["id"] not in pending:
            _drop(turn, each, "confirmed", "confirmed")
        elif each["id"] not in pending:
            _keep_if_it_fits(turn, each)
    for name in confirmed - pending:
        live.holds.pop(name, None)
    for name in given.get("given_up", ()):
        live.unbooked[name] = (meta.epoch, turn.now + REMEMBERED)
    live.loading = live.unfinished = None
    turn.commit_reset()
    return turn.answer({"status": "loaded", "version": meta.version})


def _drop(turn: Turn, hold: Hold, status: str, reason: str) -> None:
    turn.bury(hold, status, reason)
    del turn.live.holds[hold["id"]]


def _fits(turn: Turn, hold: Hold) -> bool:
    known = len(turn.live.slots)
    return all(index < known and turn.has_room(index, quantity) for index, quantity, *_ in hold["items"])


def _occupy(turn: Turn, hold: Hold) -> None:
    for index, quantity, *_price in hold["items"]:
        turn.change(index, quantity, 0)


def _put_pending(turn: Turn) -> set[str]:
    for each in turn.given["pending"]:
        hold = {name: value for name, value in each.items() if value is not None}
        old = turn.read(hold["id"])
        hold["first_hold_at"] = (old or hold).get("first_hold_at") or hold["created_at"]
        if old is not None and "held_until" in old:
            hold["held_until"] = old["held_until"]
        _occupy(turn, hold)
        turn.keep(hold)
    return {each["id"] for each in turn.given["pending"]}


def _keep_if_it_fits(turn: Turn, hold: Hold) -> None:
    if _fits(turn, hold):
        _occupy(turn, hold)
        if turn.waits_for_word(hold):
            _give_time_for_word(turn, hold)
    else:
        turn.bury(hold, "lost", "lost")


def _give_time_for_word(turn: Turn, hold: Hold) -> None:
    moment = turn.now + AWAITED
    if hold["expires_at"] < moment:
        turn.put_off(hold, moment)
    turn.stays_alive_until(hold["session"], moment)


def lease(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    live, given = turn.live, turn.given
    if live.lease(turn.now) is not None:
        return turn.answer({"status": "loading"})
    begun = live.unfinished or {"since": turn.now, "times": 0}
    live.unfinished = {**begun, "times": begun["times"] + 1, "token": given["token"]}
    times: int = live.unfinished["times"]
    lease_ms = min(given["lease_ms"] << min(times - 1, 10), max(given["lease_ms"], given["most_ms"]))
    live.loading = (given["token"], turn.now + lease_ms)
    return turn.answer({"status": "leased", "lease_ms": lease_ms, "times": times})


def renew_lease(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    if not turn.live.is_builder(turn.given["token"], turn.now):
        return turn.answer({"status": "lease_lost"})
    turn.live.loading = (turn.given["token"], turn.now + turn.given["lease_ms"])
    return turn.answer({"status": "renewed"})


def release_lease(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    live, token = turn.live, turn.given["token"]
    if live.lease(turn.now) == token:
        live.loading = None
    begun = live.unfinished or {"token": None, "times": 0}
    is_nothing = turn.meta.epoch is None or (turn.given["untouched"] and begun["times"] == 1)
    if begun["token"] == token and is_nothing:
        live.unfinished = None
    return turn.answer({"status": "released"})


def unload(turn: Turn, _: tuple[bytes, ...]) -> bytes:
    live = turn.live
    live.unfinished = None
    if turn.meta.epoch is not None:
        for name in [*_in_time(live.deadlines), *_in_time(live.paying)]:
            each = turn.read(name)
            if each is not None:
                turn.bury(each, "lost", "lost")
        start, turn.meta.version = turn.meta.version, turn._next_version()
        turn.publish_events()
        turn.publish_change(start, None)
        live.slots, live.prices, live.log = [], [], []
        live.deadlines, live.paying, live.lives = {}, {}, {}
        live.meta = type(live.meta)()
    return turn.answer({"status": "unloaded"})


def _in_time(times: dict[str, int]) -> list[str]:
    """As a sorted set has them."""
    return sorted(times, key=lambda name: (times[name], name))


SCRIPTS: Final[dict[str, Work]] = {
    "await": await_,
    "confirm": confirm,
    "end": end,
    "expire": expire,
    "return_to_cart": return_to_cart,
    "release_lease": release_lease,
    "hold": hold,
    "lease": lease,
    "leave": leave,
    "load": load,
    "move": move,
    "pay": pay,
    "recall": recall,
    "release": release,
    "renew": renew,
    "renew_lease": renew_lease,
    "retake": retake,
    "unbook": unbook,
    "unload": unload,
}
_LEASES: Final = {"lease", "renew_lease", "release_lease"}
NEEDS_LOADED: Final = SCRIPTS.keys() - {"await", "leave", "load", "renew", "unload"} - _LEASES
WAITS_FOR_REBUILD: Final = frozenset({"pay", "confirm", "end", "return_to_cart", "retake", "unbook"})
