"""The HTTP interface as OpenAPI 3.1, made from the routes that serve it and from what they answer."""

import inspect
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.routing import BaseRoute, Route

from server.accounts.sessions import COOKIE
from server.http.endpoint import SAFE_METHODS, rules_of
from server.specification.answers import ANSWERS, QUERIES, Problem

REFERENCE: Final = "#/components/schemas/{name}"
DOCUMENTED: Final = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/asyncapi.json")
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_WORD: Final = re.compile(r"[a-z]+")
_SECURITY: Final = {
    "session": {"type": "http", "scheme": "bearer", "description": "A session's token, or a user's JWT."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}


def openapi(routes: Iterable[BaseRoute], version: str) -> dict[str, Any]:
    """The whole document, of every route that is no page and no file."""
    served = [route for route in routes if isinstance(route, Route) and route.path.startswith(DOCUMENTED)]
    types = [kind for route in served for kind in _types(route)]
    _, schemas = msgspec.json.schema_components([*types, Problem], ref_template=REFERENCE)
    for schema in schemas.values():
        schema["description"] = inspect.cleandoc(schema.get("description", ""))
    paths: dict[str, dict[str, Any]] = {}
    for route in served:
        for method in _methods(route):
            paths.setdefault(route.path, {})[method.lower()] = _operation(route, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Holdfast", "version": version, "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SECURITY},
    }


_DESCRIPTION: Final = (
    "Money is integer minor units of an ISO 4217 currency. Times are RFC 3339 in UTC with milliseconds. "
    "Ids are opaque. A change takes an `Idempotency-Key`; one by cookie needs `X-CSRF-Token`."
)


def _methods(route: Route) -> list[str]:
    return sorted((route.methods or set()) - {"HEAD"})


def _types(route: Route) -> list[Any]:
    rules = rules_of(route.endpoint)
    bodies = [rules.body] if rules is not None and rules.body is not None else []
    return [
        *bodies,
        *(kind for method in _methods(route) for kind in _answers(method, route).values() if kind),
    ]


def _answers(method: str, route: Route) -> Mapping[int, Any]:
    return ANSWERS[f"{method} {route.path}"]


def _operation(route: Route, method: str) -> dict[str, Any]:
    rules = rules_of(route.endpoint)
    operation: dict[str, Any] = {
        "operationId": method.lower() + "".join(part.title() for part in _WORD.findall(route.path)),
        "summary": inspect.cleandoc(route.endpoint.__doc__ or "").partition("\n")[0],
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(method, route),
            *(_headers(method) if rules else []),
        ],
        "responses": {
            **{str(status): _response(status, kind) for status, kind in _answers(method, route).items()},
            "default": _problem(),
        },
    }
    if rules is not None and rules.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(rules.body)}
    if rules is not None and rules.access != "open":
        operation["security"] = [{name: []} for name in _SECURITY]
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]


def _query_parameters(method: str, route: Route) -> list[dict[str, Any]]:
    known = QUERIES.get(f"{method} {route.path}", {})
    return [
        {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in known.items()
    ]


def _headers(method: str) -> list[dict[str, Any]]:
    if method in SAFE_METHODS:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": 255}
    return [{"name": "Idempotency-Key", "in": "header", "schema": schema}]


def _response(status: int, kind: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if kind is str:
        return answer | {"content": {"text/plain": {"schema": {"type": "string"}}}}
    return answer if kind is None else answer | {"content": _json(kind)}


def _problem() -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(name=Problem.__name__)}
    return {"description": "A refusal", "content": {"application/problem+json": {"schema": schema}}}


def _json(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    return {"application/json": {"schema": schema}}
