"""What faults met: whether people did something meanwhile (one that hits an empty hall proves nothing), and
what was told once they were over.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from tests.torture.history import History, Operation

AROUND_NS = 1_000_000_000
LONGEST_NS = 20_000_000_000
"""Nobody waits longer for an answer."""

_NO_ACTS = frozenset({"disconnect", "leave"})


def strikes(history: History, only: str = "") -> list[tuple[int, int]]:
    """From when until when each fault was there, or each of one name."""
    begun: dict[str, int] = {}
    found: list[tuple[int, int]] = []
    for seen in history.observations:
        if seen.kind not in {"fault", "struck"}:
            continue
        name, phase = seen.what["name"], seen.what["phase"]
        if only and name != only:
            continue
        if phase in {"strike", "struck"}:
            begun.setdefault(name, seen.at)
        elif name in begun:
            found.append((begun.pop(name), seen.at))
    return [*found, *((at, at) for at in begun.values())]


def attended(history: History) -> tuple[int, int, int]:
    """How many strikes there were, at how many of them people acted, and how much was under way meanwhile.

    At a strike of less than a second something was asked within a second before it, and within one after it.
    """
    acts = [operation for operation in history.operations if operation.kind not in _NO_ACTS]
    asked = [operation.invoked for operation in acts]
    struck, under_way = strikes(history), set[int]()
    number = 0
    for since, until in struck:
        places = _during(acts, asked, since, until)
        under_way.update(places)
        is_short = until - since < AROUND_NS
        around = (
            is_short
            and _between(asked, since - AROUND_NS, since)
            and _between(asked, until, until + AROUND_NS)
        )
        number += bool(places or around)
    return len(struck), number, len(under_way)


def told_after(history: History, fault: str) -> list[float]:
    """Seconds from such a fault's end until a hold's end was told whose deadline had come meanwhile."""
    struck, found = strikes(history, fault), []
    for seen in history.observations:
        if seen.kind == "hold" and seen.what["status"] == "expired":
            due = history.moment(seen.what["expires_at"])
            found += [(seen.at - until) / 1e9 for since, until in struck if since <= due <= until < seen.at]
    return found


def _during(acts: Sequence[Operation], asked: Sequence[int], since: int, until: int) -> list[int]:
    candidates = range(bisect_left(asked, since - LONGEST_NS), bisect_right(asked, until))
    return [place for place in candidates if (acts[place].returned or asked[place]) >= since]


def _between(asked: Sequence[int], since: int, until: int) -> bool:
    return bisect_left(asked, since) < bisect_right(asked, until)
