"""At least one example of every message; run as a module it writes tests/golden/messages.json."""

import json
from pathlib import Path
from typing import Any

import msgpack
import msgspec

from channels import protocol
from channels.codec import Codec, encode, numbers

GOLDEN = Path(__file__).parent.parent / "golden" / "messages.json"

ULID = "01JD2Q4ZK8T3M5N7P9R1V3X5Z7"
NOW = 1_795_000_000_000
VERSION = 1_795_000_000_123_456
HOLD: dict[str, Any] = {
    "id": "h1",
    "resource": "hall",
    "items": (("A-12", 1), ("A-13", 1)),
    "price": protocol.Money(9000, "eur"),
    "status": "held",
    "expires_at": NOW + 900_000,
}
CART = protocol.CartView(reference="BK-7F3K", expires_at=NOW + 900_000, total=protocol.Money(9000, "eur"))
CHANNEL = "availability:hall"

FROM_CLIENT: dict[str, dict[str, Any]] = {
    "hello, nobody known": {"type": "hello"},
    "hello with a token": {"type": "hello", "ref": 1, "token": "session.token"},
    "hello of a user": {"type": "hello", "ref": "a", "token": "user.jwt", "session": "session.token"},
    "subscribe": {"type": "subscribe", "ref": 2, "channel": CHANNEL},
    "subscribe from a position": {
        "type": "subscribe",
        "ref": 3,
        "channel": CHANNEL,
        "position": ["e1", VERSION],
    },
    "subscribe to sections": {
        "type": "subscribe",
        "ref": 4,
        "channel": CHANNEL,
        "view": {"sections": ["Stalls", "Loge façade"]},
    },
    "subscribe to totals": {"type": "subscribe", "ref": 5, "channel": CHANNEL, "view": "totals"},
    "unsubscribe": {"type": "unsubscribe", "ref": 6, "channel": CHANNEL},
    "hold items": {
        "type": "hold",
        "ref": 7,
        "op": ULID,
        "resource": "hall",
        "items": [["A-12", 1], ["A-13", 1]],
    },
    "hold a range": {
        "type": "hold",
        "ref": 8,
        "op": ULID,
        "resource": "drive",
        "range": ["2026-11-21T10:00:00.000Z", "2026-11-21T12:00:00.000Z"],
    },
    "hold the best": {
        "type": "hold",
        "ref": 9,
        "op": ULID,
        "resource": "hall",
        "best": {"quantity": 2, "category": "Stalls", "adjacent": True},
    },
    "release": {"type": "release", "ref": 10, "op": ULID, "hold": "h1"},
    "release a part": {"type": "release", "ref": 11, "op": ULID, "hold": "h1", "items": [["A-12", 1]]},
    "extend": {"type": "extend", "ref": 12, "op": ULID},
    "leave": {"type": "leave"},
    "refresh": {"type": "refresh", "ref": 13, "token": "new.token"},
}

_SNAPSHOT = protocol.Snapshot(
    channel=CHANNEL,
    layout=3,
    epoch="e1",
    version=VERSION,
    first=0,
    count=4,
    width=1,
    available=b"\x01\x00\x00\x01",
    held=b"\x00\x01\x00\x00",
)

FROM_SERVER: dict[str, protocol.ServerMessage] = {
    "welcome, nothing held": protocol.Welcome(
        session="s1",
        token="session.token",
        node="n1",
        server_time=NOW,
        heartbeat_seconds=10,
        cart=None,
        holds=(),
    ),
    "welcome back": protocol.Welcome(
        ref=1,
        session="s1",
        token="session.token",
        node="n1",
        server_time=NOW,
        heartbeat_seconds=10,
        cart=CART,
        holds=(protocol.HoldView(**HOLD),),
    ),
    "snapshot": _SNAPSHOT,
    "snapshot, two bytes a number": msgspec.structs.replace(
        _SNAPSHOT, count=2, width=2, available=b"\x2c\x01\x00\x00", held=b"\x01\x00\xff\xff"
    ),
    "snapshot, four bytes a number": msgspec.structs.replace(
        _SNAPSHOT, first=5000, count=1, width=4, available=b"\xa0\x86\x01\x00", held=b"\x00\x00\x00\x80"
    ),
    "snapshot of sections": msgspec.structs.replace(
        _SNAPSHOT, count=2, available=b"\x00\x01", held=b"\x01\x00", sections=("Loge façade",)
    ),
    "snapshot, 300 slots": msgspec.structs.replace(
        _SNAPSHOT, count=300, available=bytes([1, 0, 1]) * 100, held=bytes([0, 1, 0]) * 100
    ),
    "delta": protocol.Delta(
        channel=CHANNEL, epoch="e1", from_=VERSION, to=VERSION + 5, changes=[0, 0, 1, 2, 1, 0, 70000, 300, 2]
    ),
    "delta, nothing new": protocol.Delta(channel=CHANNEL, epoch="e1", from_=VERSION, to=VERSION, changes=[]),
    "totals": protocol.Totals(
        channel=CHANNEL,
        epoch="e1",
        version=VERSION,
        sections={"Stalls": (300, 20, 400), "Loge façade": (0, 0, 8)},
    ),
    "held": protocol.Held(ref=7, hold=protocol.HoldView(**HOLD), cart=CART, version=VERSION + 1),
    "held, a range": protocol.Held(
        ref="b",
        hold=protocol.HoldView(
            **{**HOLD, "resource": "drive", "items": (("2026-11-21T10:00", 1),)},
            range=("2026-11-21T10:00:00.000Z", "2026-11-21T12:00:00.000Z"),
        ),
        cart=CART,
        version=VERSION + 1,
    ),
    "hold ended": protocol.HoldChanged(**{**HOLD, "status": "expired"}, reason="deadline"),
    "cart": protocol.CartChanged(
        reference="BK-7F3K",
        expires_at=NOW + 900_000,
        total=protocol.Money(9000, "eur"),
        holds=(protocol.HoldView(**HOLD),),
    ),
    "cart ended": protocol.CartChanged(reference=None, expires_at=None, total=None, holds=()),
    "booking": protocol.BookingChanged(
        fields={
            "id": "0199",
            "reference": "BK-7F3K",
            "status": "confirmed",
            "payment_status": "paid",
            "total": {"amount": 9000, "currency": "eur"},
        }
    ),
    "notification": protocol.Notification(
        id="n1",
        kind="booking_confirmed",
        title="Booked",
        message="Two places in Loge façade",
        data={"booking": "0199"},
        created_at=NOW,
    ),
    "notifications read": protocol.NotificationsRead(ids=("n1", "n2")),
    "heartbeat": protocol.Heartbeat(server_time=NOW),
    "heartbeat while Redis is away": protocol.Heartbeat(server_time=NOW, stale=True),
    "ok": protocol.Ok(ref=2),
    "ok to extend": protocol.Ok(ref=12, cart=CART),
    "ok without a ref": protocol.Ok(),
    "error": protocol.Error(
        ref=7, code="slot_taken", message="A-12 is taken", retry="never", slots=("A-12",)
    ),
    "error, later": protocol.Error(
        code="unavailable", message="Redis is away", retry="later", retry_after=1.5
    ),
    "goodbye": protocol.Goodbye(reason="This server restarts", after_ms=500, spread_ms=5000),
}


def golden() -> list[dict[str, Any]]:
    """Every example: its value, its JSON text, its msgpack in hex (`available` and `held` as bins)."""
    rows = [
        {
            "name": name,
            "from": "client",
            "value": value,
            "json": json.dumps(value, ensure_ascii=False, separators=(",", ":")),
            "msgpack": msgpack.packb(value).hex(),
        }
        for name, value in FROM_CLIENT.items()
    ]
    for name, message in FROM_SERVER.items():
        text = encode(message, Codec.JSON).decode()
        rows.append(
            {
                "name": name,
                "from": "server",
                "value": json.loads(text),
                "json": text,
                "msgpack": encode(message, Codec.MSGPACK).hex(),
            }
        )
    return rows


def unpacked(data: bytes) -> dict[str, Any]:
    """A server's msgpack frame as a reader shows it: bins become lists of numbers."""
    value: dict[str, Any] = msgpack.unpackb(data)
    for name in ("available", "held"):
        if isinstance(value.get(name), bytes):
            value[name] = numbers(value[name], value["width"]).tolist()
    return value


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in golden())
    GOLDEN.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
