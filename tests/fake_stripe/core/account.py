"""One Stripe account: its objects, its events, its money. No clock, no network: time is told by `at`."""

import heapq
import secrets
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar

from tests.fake_stripe.core.movement import Kind, Movement, Movements
from tests.fake_stripe.core.refusal import missing

if TYPE_CHECKING:
    from tests.fake_stripe.core.method import PaymentMethod

API_VERSION: Final = "2026-10-28.endive"


class Thing(Protocol):
    """An object of the interface: `OBJECT` is its name there."""

    OBJECT: ClassVar[str]
    id: str
    created: int

    def json(self) -> dict[str, Any]:
        """As Stripe shows it, nothing expanded."""
        ...


T = TypeVar("T", bound=Thing)


@dataclass(frozen=True)
class Cause:
    """The call that an event tells of; both are None for what happens by itself."""

    request: str | None = None
    key: str | None = None


class Account:
    """Everything that one account holds.

    `authorisation_seconds`: how long an authorisation lasts (7 days for most cards).
    """

    def __init__(self, *, pages_url: str = "", livemode: bool = False, salt: str | None = None) -> None:
        self.pages_url = pages_url
        self.livemode = livemode
        self.authorisation_seconds = 7 * 24 * 3600
        self.api_version = API_VERSION
        self.now_ms = 0
        self.cause = Cause()
        self.movements = Movements()
        self.methods: dict[str, PaymentMethod] = {}
        self.events: list[dict[str, Any]] = []
        self.unheard: set[str] = set()  # types of events that Stripe fails to generate
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._things: dict[str, Thing] = {}
        self._kinds: dict[type[Thing], dict[str, Thing]] = {}
        self._salt = salt if salt is not None else secrets.token_hex(4)
        self._made = 0

    @property
    def now(self) -> int:
        """Seconds, as Stripe tells the time."""
        return self.now_ms // 1000

    def at(self, now_ms: int) -> None:
        """Time passes: what is due by then happens, each thing at its own time."""
        self.cause = Cause()
        while self._due and self._due[0][0] * 1000 <= now_ms:
            due, _order, happens = heapq.heappop(self._due)
            self.now_ms = max(self.now_ms, due * 1000)
            happens()
        self.now_ms = max(self.now_ms, now_ms)

    def later(self, due: int, happens: Callable[[], None]) -> None:
        """What time alone will do, at `due` seconds."""
        self._made += 1
        heapq.heappush(self._due, (due, self._made, happens))

    def new_id(self, prefix: str) -> str:
        """Ids that two accounts never share."""
        self._made += 1
        return f"{prefix}_{self._salt}{self._made:08d}"

    def secret_of(self, object_id: str) -> str:
        """A client secret."""
        return f"{object_id}_secret_{secrets.token_hex(12)}"

    def keep(self, thing: T) -> T:
        self._things[thing.id] = thing
        self._kinds.setdefault(type(thing), {})[thing.id] = thing
        return thing

    def find(self, object_id: str) -> Thing | None:
        return self._things.get(object_id)

    def get(self, kind: type[T], object_id: str, param: str | None = None) -> T:
        """The object; raise Refused (`resource_missing`) where there is none of its kind."""
        found = self._things.get(object_id)
        if not isinstance(found, kind):
            raise missing(kind.OBJECT, object_id, param)
        return found

    def all(self, kind: type[T]) -> Iterator[T]:
        """In order of creation."""
        return (thing for thing in list(self._kinds.get(kind, {}).values()) if isinstance(thing, kind))

    def move(self, intent: str, kind: Kind, amount: int, by: str) -> None:
        """Write down that money moved."""
        self.movements.add(Movement(intent, kind, amount, by, self.now_ms))

    def emit(self, kind: str, thing: Thing, previous: dict[str, Any] | None = None) -> None:
        """Tell of a change: the object as it is now, kept as it was then."""
        if kind in self.unheard:
            return
        data: dict[str, Any] = {"object": deepcopy(thing.json())}
        if previous is not None:
            data["previous_attributes"] = previous
        self.events.append(
            {
                "id": self.new_id("evt"),
                "object": "event",
                "api_version": self.api_version,
                "created": self.now,
                "data": data,
                "livemode": self.livemode,
                "pending_webhooks": 1,
                "request": {"id": self.cause.request, "idempotency_key": self.cause.key},
                "type": kind,
            }
        )
