"""Bodies and queries as Stripe reads them: `a[b][0][c]=d` is a tree of maps and lists of strings."""

import re
from collections.abc import Iterable
from typing import Any

Params = dict[str, Any]


def decode(pairs: Iterable[tuple[str, str]]) -> Params:
    """The tree. Indexes may be numbers or empty; a map whose keys are 0, 1, … becomes a list."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        head, *rest = _path(name)
        branch = root
        for part in rest:
            branch = branch.setdefault(head, {})
            head = part or str(len(branch))
        branch[head] = value
    return {name: _with_lists(value) for name, value in root.items()}


def _path(name: str) -> list[str]:
    return [name.partition("[")[0], *re.findall(r"\[([^\]]*)\]", name)]


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    children = {name: _with_lists(child) for name, child in value.items()}
    if all(name.isdigit() for name in children):
        return [children[name] for name in sorted(children, key=int)]
    return children


def truth(value: Any) -> bool:
    """A boolean as it is sent: `true` or `false`."""
    return value in {True, "true"}
