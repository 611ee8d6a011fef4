"""What of a request's path is logged: a token in it, which opens something to whoever has it, is not."""

from functools import lru_cache
from typing import Final

from starlette.applications import Starlette
from starlette.types import Scope

_MARK: Final = "{token}"
"""How a route's path says where its secret stands."""


def logged_path(scope: Scope) -> str:
    """The path, with `{token}` for a token, whether the request reached its route or not.

    A preflight, a foreign name, who asks too often and a slash too many never come as far as to a route.
    """
    path: str = scope["path"]
    for before, behind in _secret_paths(scope["app"]):
        start, found, rest = path.partition(before)
        if found and rest.rstrip("/\n").endswith(behind):
            return f"{start}{before}{_MARK}{behind}"
    return path


@lru_cache(maxsize=4)
def _secret_paths(app: Starlette) -> list[tuple[str, str]]:
    """What stands before and behind the token in each route that has one, and, last, before it alone."""
    paths = (getattr(route, "path", "") for route in app.routes)
    known = {path.partition(_MARK)[::2] for path in paths if _MARK in path}
    return sorted(known | {(before, "") for before, _ in known}, key=lambda each: -len(each[1]))
