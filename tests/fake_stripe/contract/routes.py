"""Every call that the library can make to the parts served here: read out of its services' source."""

import ast
import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from tests.fake_stripe.contract.names import tree

SERVICES: Final = (
    "stripe._payment_intent_service",
    "stripe._refund_service",
    "stripe._charge_service",
    "stripe._dispute_service",
    "stripe._event_service",
    "stripe.checkout._session_service",
    "stripe.checkout._session_line_item_service",
)


@dataclass(frozen=True)
class Route:
    """`params` and `reply` are annotations of the service's module."""

    name: str
    module: str
    params: str
    reply: str


@cache
def routes() -> Mapping[str, Route]:
    """By name: `POST /v1/payment_intents/{id}/capture`."""
    return {route.name: route for module in SERVICES for route in _routes(module)}


def _routes(module: str) -> Iterator[Route]:
    importlib.import_module(module)
    for service in tree(module).body:
        if isinstance(service, ast.ClassDef):
            for method in service.body:
                if isinstance(method, ast.FunctionDef) and (found := _route(method, module)):
                    yield found


def _route(method: ast.FunctionDef, module: str) -> Route | None:
    for node in ast.walk(method):
        if isinstance(node, ast.Call) and _name_of(node.func) == "_request":
            verb, path = (_text(argument) for argument in node.args[:2])
            name = f"{verb.upper()} {re.sub(r'{[^}]+}', '{id}', path)}"
            annotations = {item.arg: item.annotation for item in method.args.args}
            return Route(name, module, _bare(annotations["params"]), _bare(method.returns))
    return None


def _name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr) -> str:
    """A constant, or the constant under a call of its `format`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    assert isinstance(node, ast.Constant)
    return str(node.value)


def _bare(annotation: Any) -> str:
    """The name inside `Optional["…"]` or `"…"`."""
    constants = [node.value for node in ast.walk(annotation) if isinstance(node, ast.Constant)]
    return str(constants[0])
