"""The cells of the matrix of faults and workloads, and what comes of one.

    @cell(2, fault="kill -9 of one server every 2 s", workload="W1")
    async def one_server_killed(torture: Torture, size: Size) -> None:
        '''What the cell is about.'''

A cell sets a stage, lets people play on it while a nemesis does harm, and says what it measured. What every
stage ends with (checkers, audit, convergence) is stage.py's.
"""

import importlib
import math
import pkgutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from tests.torture import cells
from tests.torture.street import Ground

SizeName = Literal["tier", "full", "long"]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of it. A cell takes from it what it can use."""

    name: SizeName
    people: int
    seats: int
    processes: int
    crowds: int
    seconds: float
    """How long people go on at most."""

    strikes: int
    """How often a fault strikes that does so more than once."""

    soak: float
    """Seconds that the soak lasts."""


TIER: Final = Size(name="tier", people=120, seats=60, processes=2, crowds=1, seconds=20, strikes=3, soak=20)
FULL: Final = Size(
    name="full", people=1_000, seats=100, processes=3, crowds=1, seconds=30, strikes=6, soak=120
)
LONG: Final = Size(
    name="long", people=10_000, seats=1_000, processes=3, crowds=2, seconds=120, strikes=30, soak=3_600
)
SIZES: Final[Mapping[SizeName, Size]] = {size.name: size for size in (TIER, FULL, LONG)}


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, what is to be reached, and whether it was; `n` is of how many."""

    name: str
    value: str
    goal: str = ""
    reached: bool | None = None
    n: int | None = None
    note: str = ""


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that was not kept, by whichever checker."""

    promise: str
    text: str
    evidence: tuple[str, ...] = ()


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """A moment on the time line, in seconds since the cell began."""

    at: float
    what: str
    phase: str


class Outcome(msgspec.Struct, kw_only=True):
    """All that is reported of one cell."""

    number: int
    name: str
    about: str
    fault: str
    workload: str
    size: str
    seed: int
    command: str
    seconds: float = 0.0
    figures: list[Figure] = []
    violations: list[Broken] = []
    claims: dict[str, int] = {}
    """What was checked → how often."""

    strikes: list[Strike] = []
    error: str = ""
    not_here: str = ""
    """Why this machine cannot play it, as it was measured."""

    @property
    def is_good(self) -> bool:
        """Whether nothing was broken; a figure that was missed is no violation."""
        return not self.violations and not self.error

    @property
    def missed(self) -> list[Figure]:
        """Figures that were not reached."""
        return [figure for figure in self.figures if figure.reached is False]


@dataclass
class Torture:
    """What a cell is given: where to play, chance, and somewhere to write down what it finds."""

    ground: Ground
    folder: Path
    seed: int
    outcome: Outcome
    say: Callable[[str], None] = field(default=lambda _text: None)

    def figure(
        self, name: str, value: str, goal: str = "", *, reached: bool | None = None, **more: Any
    ) -> None:
        """Note something measured."""
        self.outcome.figures.append(Figure(name=name, value=value, goal=goal, reached=reached, **more))

    def breaks(self, promise: str, text: str, *evidence: object) -> None:
        """Note a promise that was not kept."""
        self.outcome.violations.append(
            Broken(promise=promise, text=text, evidence=tuple(str(each) for each in evidence))
        )

    def claims(self, what: str, number: int) -> None:
        """So many more of it were checked."""
        self.outcome.claims[what] = self.outcome.claims.get(what, 0) + number


Body = Callable[[Torture, Size], Awaitable[None]]
Bound = Callable[[Size], float]

CELL_SECONDS: Final[Mapping[SizeName, float]] = {"tier": 120.0, "full": 300.0, "long": 900.0}


def by_size(size: Size) -> float:
    """Seconds after which a cell is given up, whatever it hangs on."""
    return CELL_SECONDS[size.name]


@dataclass(frozen=True)
class Cell:
    """One of the matrix: its number and name, what happens in it, and in which sizes it is played."""

    number: int
    name: str
    fault: str
    workload: str
    sizes: Sequence[SizeName]
    body: Body
    bound: Bound = by_size

    @property
    def about(self) -> str:
        """What it says of itself."""
        return " ".join((self.body.__doc__ or "").split())


_CELLS: dict[str, Cell] = {}


def cell(
    number: int,
    *,
    fault: str,
    workload: str,
    sizes: Sequence[SizeName] = ("tier", "full", "long"),
    bound: Bound = by_size,
) -> Callable[[Body], Body]:
    """Enter a function into the matrix. Several may have a number: they are variants of one cell.

    `bound` says after how many seconds it is given up.
    """

    def enter(body: Body) -> Body:
        name = body.__name__
        assert name not in _CELLS, f"two cells are called {name}"
        _CELLS[name] = Cell(number, name, fault, workload, sizes, body, bound)
        return body

    return enter


def matrix() -> list[Cell]:
    """All cells, by number."""
    for module in pkgutil.iter_modules(cells.__path__):
        importlib.import_module(f"{cells.__name__}.{module.name}")
    return sorted(_CELLS.values(), key=lambda each: (each.number, each.name))


def bound(n: int) -> str:
    """What none of n says with 95 % confidence: the rate is at most 3/n."""
    return f"0 of {n:,}: a rate of at most {3 / n:.1e}" if n else "nothing was checked"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all are not above; NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
