"""Whether a value has the shape of one of the library's annotations: names, types, and closed lists of words.

The library leaves its literals open (`Literal["manual"] | str`), for versions to come; here they are closed.
"""

import types
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, Final, ForwardRef, Literal, NotRequired, Required, Union, get_args, get_origin

from stripe import ListObject, StripeObject
from stripe._request_options import RequestOptions
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import is_typeddict  # that of typing does not know the library's

from tests.fake_stripe.contract.names import meaning

# How JSON carries what it has no type for.
_CARRIED: Final[dict[type, tuple[type, ...]]] = {float: (float, int), Decimal: (str,)}
_OPTIONS = frozenset(RequestOptions.__annotations__)


class Shapes:
    """`form`: values are strings as a form carries them; else they are of JSON."""

    def __init__(self, *, form: bool) -> None:
        self._form = form

    def problems(self, value: Any, annotation: Any, module: str, path: str) -> Iterator[str]:
        """What is wrong, each with where it is."""
        if isinstance(annotation, ForwardRef):
            annotation = annotation.__forward_arg__
        if isinstance(annotation, str):
            annotation = meaning(annotation, module)
        origin = get_origin(annotation)
        if annotation is Any or annotation is object:
            return
        if origin in {NotRequired, Required}:
            yield from self.problems(value, get_args(annotation)[0], module, path)
        elif origin in {Union, types.UnionType}:
            yield from self._any_of(value, annotation, module, path)
        elif origin is not None:
            yield from self._generic(value, annotation, module, path)
        elif is_typeddict(annotation) or _is_object(annotation):
            yield from self._object(value, annotation, path)
        elif not self._is_plain(value, annotation):
            yield f"{path}: {value!r} is no {getattr(annotation, '__name__', annotation)}"

    def _any_of(self, value: Any, annotation: Any, module: str, path: str) -> Iterator[str]:
        found: list[list[str]] = []
        for member in _closed(get_args(annotation)):
            problems = list(self.problems(value, member, module, path))
            if not problems:
                return
            found.append(problems)
        # The member that comes nearest says the most: its problems lie deepest.
        yield from max(found, key=lambda problems: problems[0].partition(":")[0].count("."))

    def _generic(self, value: Any, annotation: Any, module: str, path: str) -> Iterator[str]:
        origin, members = get_origin(annotation), get_args(annotation)
        if origin is Literal:
            words = [str(word).lower() if self._form and isinstance(word, bool) else word for word in members]
            if value not in words:
                yield f"{path}: {value!r} is none of {sorted(map(str, members))}"
        elif origin is list:
            yield from self._list(value, members[0], module, path)
        elif origin is ListObject:
            yield from self._page(value, members[0], module, path)
        elif origin in {dict, UntypedStripeObject}:
            yield from self._map(value, members[-1], module, path)
        else:
            yield f"{path}: an annotation that is not understood: {annotation}"

    def _list(self, value: Any, member: Any, module: str, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path}: {value!r} is no list"
            return
        for position, item in enumerate(value):
            yield from self.problems(item, member, module, f"{path}.{position}")

    def _page(self, value: Any, member: Any, module: str, path: str) -> Iterator[str]:
        if not isinstance(value, dict) or value.keys() != {"object", "data", "has_more", "url"}:
            yield f"{path}: no list object"
            return
        yield from self._list(value["data"], member, module, f"{path}.data")

    def _map(self, value: Any, member: Any, module: str, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no map"
            return
        for name, item in value.items():
            yield from self.problems(item, member, module, f"{path}.{name}")

    def _object(self, value: Any, kind: type, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no {kind.__name__}"
            return
        known = fields(kind)
        for name, item in value.items():
            if name not in known:
                yield f"{path}.{name}: unknown to {kind.__name__}"
            else:
                yield from self.problems(item, known[name], kind.__module__, f"{path}.{name}")
        for name, annotation in known.items():
            if name not in value and is_required(annotation, kind.__module__, typed=is_typeddict(kind)):
                yield f"{path}.{name}: missing"

    def _is_plain(self, value: Any, kind: Any) -> bool:
        if not self._form:
            return type(value) in _CARRIED.get(kind, (kind,))
        if not isinstance(value, str):
            return False
        if kind is int:
            return value.removeprefix("-").isdigit()
        return value in {"true", "false"} if kind is bool else kind is str


def _is_object(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, StripeObject)


@cache
def fields(kind: type) -> dict[str, Any]:
    """The names that an object may have, with their annotations."""
    if is_typeddict(kind):
        return {name: item for name, item in kind.__annotations__.items() if name not in _OPTIONS}
    own = vars(kind).get("__annotations__", {})
    return {name: item for name, item in own.items() if not name.startswith("_") and name != "OBJECT_NAME"}


def is_required(annotation: Any, module: str, *, typed: bool) -> bool:
    """Parameters are unless they are `NotRequired`; what a reply holds is unless it may be null."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        annotation = meaning(annotation, module)
    if typed:
        return get_origin(annotation) is not NotRequired
    return type(None) not in get_args(annotation)


def _closed(members: tuple[Any, ...]) -> list[Any]:
    """Without the `str` that opens a list of words; `Literal[""] | str` is no such list."""
    words = [word for member in members if get_origin(member) is Literal for word in get_args(member)]
    listed = any(word for word in words)
    return [member for member in members if not (listed and member is str)]
