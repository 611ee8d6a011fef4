"""A session's own index in the simulated Redis: lua/lib/session.lua, joining.lua and the scripts on them."""

import msgspec

from tests.simulation.live import Content, Outcome, Session, Turn
from tests.simulation.scripts import release_holds, take_items

ENDED = 600_000

_encode = msgspec.msgpack.encode


def join(session: Session, given: Content, now: int) -> Content:
    """Which cart a new hold joins; its intent is noted."""
    resource, until = session.ended.get(given["id"], ("", 0))
    if until > now:
        return {"status": "ended", "resource": resource, "reference": ""}
    entries = _entries(session)
    for name, _, where, _ in entries:
        if name == given["id"] and where != given["resource"]:
            return {"status": "ended", "resource": where, "reference": ""}
    cart = session.cart
    if cart is not None and all(entry[1] != cart["reference"] for entry in entries):
        cart = None
    if cart is not None and (cart["owner"], cart["currency"]) != (given["owner"], given["currency"]):
        return {"status": "differs", "reference": cart["reference"], "entries": entries}
    created = cart is None
    if cart is None:
        cart = {
            "reference": given["fresh"],
            "owner": given["owner"],
            "currency": given["currency"],
            "first_hold_at": now,
        }
        session.cart = cart
    before = session.entries.get(given["id"])
    reference = before[0] if before else cart["reference"]
    session.entries[given["id"]] = (reference, given["resource"], now)
    return {
        "status": "joined",
        "reference": cart["reference"],
        "first_hold_at": cart["first_hold_at"],
        "created": created,
        "entries": entries,
    }


def _entries(session: Session) -> list[tuple[str, str, str, int]]:
    return [(name, *entry) for name, entry in session.entries.items()]


def joined_alone(session: Session, given: Content, now: int) -> bytes:
    """join.lua."""
    return _encode({**join(session, given, now), "now": now})


def listing(session: Session, now: int) -> bytes:
    """listing.lua."""
    return _encode({"status": "listed", "entries": _entries(session), "cart": session.cart, "now": now})


def index(session: Session, given: Content, now: int) -> bytes:
    """index.lua."""
    for name in given["drop"]:
        if name in session.entries:
            session.ended[name] = (session.entries.pop(name)[1], now + ENDED)
    for name, written_at in given["forget"]:
        if name in session.entries and session.entries[name][2] == written_at:
            del session.entries[name]
    for name, reference, resource in given["put"]:
        session.entries[name] = (reference, resource, now)
    if given.get("cart"):
        session.cart = dict(given["cart"])
    _close_if_empty(session, given.get("close"))
    return _encode({"status": "indexed", "now": now})


def release_many(session: Session, turn: Turn) -> Outcome:
    """release_many.lua: one hold, or a part of it, and its entry."""
    name = turn.given["holds"][0]
    entry = session.entries.get(name)
    if entry is None or entry[1] != turn.given["resource"]:
        return turn.answer({"status": "apart"})
    outcome, holds = release_holds(turn)
    if holds and holds[0]["status"] != "held":
        session.ended[name] = (session.entries.pop(name)[1], turn.now + ENDED)
        _close_if_empty(session)
    return outcome


def _close_if_empty(session: Session, close: str | None = None) -> None:
    """A cart ends with its last entry, or with that of the reference `close`."""
    cart = session.cart
    if cart is not None:
        stands = any(entry[0] == cart["reference"] for entry in session.entries.values())
        if cart["reference"] == close or not stands:
            session.cart = None


def hold_many(session: Session, turn: Turn) -> Outcome:
    """hold_many.lua: both in one call, of a resource that is loaded."""
    given = turn.given
    found = join(session, given, turn.now)
    turn.joined = {**found, "now": turn.now}
    elsewhere = any(entry[2] != given["resource"] for entry in found.get("entries", ()))
    if found["status"] != "joined" or (not found["created"] and elsewhere):
        return turn.answer({"status": "apart"})
    given["joining"] = found["reference"]
    given["pending"] = [
        name
        for name, reference, _, written_at in found["entries"]
        if reference == found["reference"] and turn.now - written_at < given["on_its_way_ms"]
    ]
    return take_items(turn)
