"""How long to wait before asking again, and what is never asked again. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from channels.client.errors import HoldfastError, Refused, Unreachable


@dataclass(frozen=True, slots=True)
class Patience:
    """`seconds` until one gives up; waits begin at `base` and double up to `most`, by full jitter.

    `most` is well below the grace of a session whose connection was lost: what it holds is still there then.
    """

    seconds: float = 30.0
    base: float = 0.2
    most: float = 4.0

    def wait(self, attempt: int, error: HoldfastError | None, chance: Callable[[], float]) -> float:
        """Before attempt number `attempt` (1 is the second): at least what the server asked for."""
        jitter = chance() * min(self.most, self.base * float(2 ** min(attempt, 16)))
        asked = error.retry_after if isinstance(error, Refused) else None
        return jitter if asked is None else asked + jitter


def may_go_well_later(error: HoldfastError) -> bool:
    """Whether the very same, under the same name, may be asked again.

    Never what was understood and refused. `conflict` only where the server gives a time: then the first try
    is still running.
    """
    return isinstance(error, Unreachable) or (isinstance(error, Refused) and error.retry in {"now", "later"})
