"""What the clients of a fault run did and saw, written down as it happened.

    recorder = Recorder(folder / "buyers-1.jsonl")
    with recorder.operation("ann", "hold", resource="hall", items=[["A-1", 1]]) as pending:
        answer = await ask(...)
        pending.ok(hold=answer["hold"]["id"], items=..., version=..., expires_at=...)
    recorder.observe("ann", "view", resource="hall", epoch="e", how="delta", since=4, to=5)
    recorder.close()
    history = History.read(*folder.glob("*.jsonl"))

Times are nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share. `expires_at` and other times
of the product are milliseconds since the Unix epoch; `History.moment` makes the one of the other, by what
the recorders wrote down of both clocks.

An operation whose answer never came is `unknown`: it may have taken effect at any time after it was invoked,
or never. Nothing may be concluded from it but that.

What the checkers read (further fields are kept and ignored):

| operation | arguments | result where ok |
|---|---|---|
| hold | resource; items, range or best; key? | hold items range? version epoch? expires_at reference |
| release | hold; items? (a part) | version? |
| extend | reference | reference expires_at |
| leave, disconnect | | |
| connect | | holds: [{id expires_at status}], what `welcome` says |
| book | reference; key? | booking reference status lines holds: [id] total currency payment expires_at? |
| pay | booking payment outcome | |
| read | booking | booking status payment_status; lines total currency where confirmed |
| change | booking; lines wanted; key | as read, and change: null where none is under way any more |
| offer, accept | booking | accept: as read, by who has it from then on |
| cancel (or anything else that may end it) | booking | booking status |

`items` are [[slot, quantity]], `lines` [[resource, slot, quantity]]; a range's is its first step, as shown.
A client is one session: who opens another is another client. Whoever stops a client's process from outside
notes a `disconnect` for it. What a server answers with 5xx to a change may have happened: `unknown`.

A view is asked for again from a position (`resync`) or without one (`fresh`).
A failed operation's result has `code`. `key` is the Idempotency-Key or `op`: equal keys are one intention.

| observation | what |
|---|---|
| view | resource epoch how (snapshot, delta, resync, fresh) to; since (a delta's `from`) |
| slots | resource epoch version slots {index: [available, held]} |
| hold | hold status reason expires_at |
| cart | reference expires_at |
| booking | booking status payment_status; lines total currency |
| end | resource epoch version digest (a client's whole view when all was quiet) |
| truth | resource epoch version digest (the server's) |
| fault | name phase (strike, heal) did? |
"""

import itertools
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import msgspec

Outcome = Literal["ok", "fail", "unknown"]

FLUSH_BYTES: Final = 64 * 1024
FLUSH_NS: Final = 1_000_000_000
ALIKE_BYTES: Final = 32
"""What one more client adds to a line."""


class Operation(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="operation"):
    """One intention of a client: when it was sent, when its answer came, and what that was.

    `returned` is None exactly where the outcome is unknown.
    """

    client: str
    kind: str
    arguments: dict[str, Any]
    invoked: int
    returned: int | None
    outcome: Outcome
    result: dict[str, Any]


class Observation(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="observation"):
    """Something a client was told unasked, or that somebody noted."""

    client: str
    kind: str
    at: int
    what: dict[str, Any]


class Alike(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="alike"):
    """The same that many clients were told: each client, and when. It is read as an observation of each."""

    kind: str
    what: dict[str, Any]
    seen: list[tuple[str, int]]


class Clocks(msgspec.Struct, frozen=True, kw_only=True, tag_field="record", tag="clocks"):
    """Both clocks of the machine at one moment, in nanoseconds; the first line of every file."""

    monotonic: int
    wall: int


Record = Operation | Observation | Alike | Clocks
Fields = tuple[tuple[str, str | int], ...]
"""What was observed, as a key: names and values."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Record)


class Pending:
    """An operation under way: give it its verdict once, or leave its context without one (unknown)."""

    __slots__ = ("_arguments", "_client", "_invoked", "_kind", "_recorder")

    def __init__(self, recorder: "Recorder", client: str, kind: str, arguments: dict[str, Any]) -> None:
        self._recorder = recorder
        self._client = client
        self._kind = kind
        self._arguments = arguments
        self._invoked = time.monotonic_ns()

    def ok(self, **result: Any) -> None:
        """It was answered and had its effect."""
        self._ends("ok", result)

    def fail(self, code: str, **result: Any) -> None:
        """It was refused and had no effect."""
        self._ends("fail", {"code": code, **result})

    def unknown(self, error: str) -> None:
        """Nobody can say: the line broke, or an answer that leaves it open."""
        self._ends("unknown", {"error": error})

    def _ends(self, outcome: Outcome, result: dict[str, Any]) -> None:
        returned = None if outcome == "unknown" else time.monotonic_ns()
        operation = Operation(
            client=self._client,
            kind=self._kind,
            arguments=self._arguments,
            invoked=self._invoked,
            returned=returned,
            outcome=outcome,
            result=result,
        )
        self._recorder._ended(self, operation)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._recorder._is_open(self):
            self.unknown("no verdict" if error is None else repr(error))


class Recorder:
    """Appends JSON lines to a file of its own; one for each process that makes load, any number of threads.

    Lines are written whole, each second at the latest while something comes, and at `close`, which also
    writes down every operation still under way as unknown.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._lines: list[bytes] = []
        self._bytes = 0
        self._flushed = time.monotonic_ns()
        self._pending: set[Pending] = set()
        self._alike: dict[tuple[str, Fields], list[tuple[str, int]]] = {}
        self._lock = threading.RLock()
        self._write(Clocks(monotonic=time.monotonic_ns(), wall=time.time_ns()))

    def operation(self, client: str, kind: str, **arguments: Any) -> Pending:
        """An operation that is being sent now."""
        pending = Pending(self, client, kind, arguments)
        with self._lock:
            self._pending.add(pending)
        return pending

    def observe(self, client: str, kind: str, **what: Any) -> None:
        """Something that came, or was noted, now."""
        self._write(Observation(client=client, kind=kind, at=time.monotonic_ns(), what=what))

    def observe_alike(self, client: str, kind: str, what: Fields) -> None:
        """Something that came now to this client, and to thousands of others: one line for all of them."""
        with self._lock:
            self._alike.setdefault((kind, what), []).append((client, time.monotonic_ns()))
            self._added(ALIKE_BYTES)

    def flush(self) -> None:
        """Write what is buffered."""
        with self._lock:
            for (kind, what), seen in self._alike.items():
                self._lines.append(_encoder.encode(Alike(kind=kind, what=dict(what), seen=seen)) + b"\n")
            self._alike.clear()
            data = b"".join(self._lines)
            self._lines.clear()
            self._bytes = 0
            self._flushed = time.monotonic_ns()
            while data:
                data = data[os.write(self._file, data) :]

    def turn(self, aside: Path) -> None:
        """Put what is written so far aside, and begin anew; what is under way comes on the new page."""
        with self._lock:
            self.flush()
            os.close(self._file)
            self.path.rename(aside)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            self._write(Clocks(monotonic=time.monotonic_ns(), wall=time.time_ns()))

    def close(self) -> None:
        """End the file; a second time does nothing."""
        with self._lock:
            if self._file < 0:
                return
            for pending in list(self._pending):
                pending.unknown("under way at the end")
            self.flush()
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_open(self, pending: Pending) -> bool:
        return pending in self._pending

    def _ended(self, pending: Pending, operation: Operation) -> None:
        with self._lock:
            if pending not in self._pending:
                raise RuntimeError(f"{operation.kind} of {operation.client} has its verdict already")
            self._pending.remove(pending)
            self._write(operation)

    def _write(self, record: Record) -> None:
        line = _encoder.encode(record) + b"\n"
        with self._lock:
            self._lines.append(line)
            self._added(len(line))

    def _added(self, size: int) -> None:
        self._bytes += size
        if self._bytes >= FLUSH_BYTES or time.monotonic_ns() - self._flushed >= FLUSH_NS:
            self.flush()


@dataclass(frozen=True)
class History:
    """What was recorded, by all: operations by when they were invoked, observations by when they came.

    `offset` is the wall clock less the monotonic one, in nanoseconds.
    """

    operations: Sequence[Operation] = ()
    observations: Sequence[Observation] = ()
    offset: int = field(default=0)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """From records in any order."""
        operations: list[Operation] = []
        observations: list[Observation] = []
        offsets: list[int] = []
        for record in records:
            if isinstance(record, Operation):
                operations.append(record)
            elif isinstance(record, Observation):
                observations.append(record)
            elif isinstance(record, Alike):
                observations += (
                    Observation(client=client, kind=record.kind, at=at, what=record.what)
                    for client, at in record.seen
                )
            else:
                offsets.append(record.wall - record.monotonic)
        operations.sort(key=lambda operation: operation.invoked)
        observations.sort(key=lambda observation: observation.at)
        return cls(operations, observations, sorted(offsets)[len(offsets) // 2] if offsets else 0)

    @classmethod
    def read(cls, *paths: Path) -> Self:
        """From the files of several recorders. A last line cut short by a death is left out."""
        return cls.of(itertools.chain.from_iterable(map(_records, paths)))

    def moment(self, milliseconds: int) -> int:
        """A time of the product (ms since the Unix epoch) as nanoseconds of the monotonic clock."""
        return milliseconds * 1_000_000 - self.offset


def _records(path: Path) -> Iterator[Record]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield _decoder.decode(line)
