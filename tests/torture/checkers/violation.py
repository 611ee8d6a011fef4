"""What a checker says when a promise was broken."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Violation:
    """`promise` is one of I1 to I10 (docs/architecture.md); `evidence` are the records that contradict it."""

    promise: str
    text: str
    evidence: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.promise}  {self.text}"
