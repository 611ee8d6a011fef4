"""What an import was asked to do, and what it did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from server.inventory.documents import Document
from server.inventory.fields import Problems
from server.inventory.seating_plan import SeatId
from server.inventory.store import Written


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What the command line says of a resource.

    None takes what the sidecar file says, then what stands already, then a default. `prices` is category →
    minor units. `today` is where schedules begin that say so. With `keep_grids` time grids that stand stay as
    their owners have made them.
    """

    resource: str | None = None
    title: str | None = None
    owner: str | None = None
    time_zone: str | None = None
    currency: str | None = None
    prices: Mapping[str, int] = field(default_factory=dict)
    seat_id: SeatId | None = None
    dry_run: bool = False
    today: date | None = None
    keep_grids: bool = False


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do; with problems it did nothing."""

    source: str
    dry_run: bool = False
    done: list[tuple[str, Written]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the file was used."""
        return not self.problems

    def note(self, problems: Problems, document: Document, source: str = "") -> None:
        """Take problems in, each with the line or the path where it stands."""
        where = f"{source}: " if source else ""
        for error in problems.errors:
            line = document.line_of(error.field)
            at = f"line {line}: {error.field}" if line else error.field
            self.problems.append(f"{where}{at}: {error.message}")
        if problems.more:
            self.problems.append(f"{where}and {problems.more} more of these")

    def text(self) -> str:
        """Some lines for a person."""
        lines = [f"{self.source}: warning: {warning}" for warning in self.warnings]
        if self.problems:
            lines += [f"{self.source}: {problem}" for problem in self.problems]
            return "\n".join([*lines, f"{self.source}: refused; nothing was changed"])
        return "\n".join(lines + [f"{name}: {self._said(written)}" for name, written in self.done])

    def _said(self, written: Written) -> str:
        if written.action == "unchanged":
            return "is as the file says already"
        would = "would be " if self.dry_run else ""
        if not written.appended and not written.changed:
            return f"{would}{written.action}"
        return f"{would}{written.action}, {written.appended} slots new, {written.changed} changed"


def parse_price(text: str) -> tuple[str, int]:
    """`Category I=8500` → ("Category I", 8500); ValueError says what would be right."""
    name, equals, amount = text.rpartition("=")
    digits = amount.strip()
    if not equals or not name.strip() or not (digits.isascii() and digits.isdigit()) or len(digits) > 12:
        raise ValueError(f'{text!r} is no price; one looks like "Category I=8500", in minor units')
    return name.strip(), int(digits)
