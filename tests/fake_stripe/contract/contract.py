"""What was said on the wire, held against the installed library; violations are kept for the test's end."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Contract:
    """`violations` is empty as long as both sides keep to it."""

    violations: list[str] = field(default_factory=list)

    def request(self, call: str, params: dict[str, Any], version: str | None) -> None:
        """A call of a server's."""

    def reply(self, call: str, body: dict[str, Any]) -> None:
        """What was answered with 200."""

    def event(self, event: dict[str, Any]) -> None:
        """What webhooks are told."""
