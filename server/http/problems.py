"""Refusals as RFC 9457 `application/problem+json`; every answer of 400 or more leaves through here."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ExceptionHandler

from server.errors import BadRequest, HoldfastError, Internal
from server.http.logged_path import logged_path

MEDIA_TYPE = "application/problem+json"
_CODES = {401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict", 429: "rate_limited"}
_log = structlog.get_logger("holdfast.http")


def problem(error: HoldfastError) -> Response:
    """The error's own status with `type title status detail code` and what else it knows."""
    content: dict[str, Any] = _content(error.code, error.title, error.status, error.detail)
    if error.errors is not None:
        content["errors"] = [{"field": item.field, "message": item.message} for item in error.errors]
    if error.slots is not None:
        content["slots"] = error.slots
    if error.retry_after is not None:
        content["retry_after"] = error.retry_after
    return _response(content, _headers(error))


def _headers(error: HoldfastError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def _content(code: str, title: str, status: int, detail: str) -> dict[str, Any]:
    kind = f"urn:holdfast:problem:{code}"
    return {"type": kind, "title": title, "status": status, "detail": detail, "code": code}


def _response(content: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    everywhere = {"Cache-Control": "no-store", **headers}
    return Response(
        msgspec.json.encode(content), status_code=content["status"], headers=everywhere, media_type=MEDIA_TYPE
    )


async def refused(_request: Request, error: Exception) -> Response:
    """Starlette's handler for a HoldfastError that left a route outside of `endpoint`."""
    assert isinstance(error, HoldfastError)
    return problem(error)


async def not_routed(request: Request, error: Exception) -> Response:
    """Starlette's handler for its own refusals: no such path, no such method."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    code = _CODES.get(status, "bad_request" if status < 500 else "internal")
    if status == HTTPStatus.NOT_FOUND and _wants_page(request):
        page: Response = request.app.state.pages.not_found(request)
        return page
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request))
    return _response(_content(code, status.phrase, status.value, status.description), headers)


async def failed(request: Request, error: Exception) -> Response:
    """Starlette's handler for a fault of ours; the log has the details, the answer has none.

    Who hangs up in the middle of a body is none, and hears no answer.
    """
    if isinstance(error, ClientDisconnect):
        return problem(BadRequest("the body did not come whole"))
    _log.error("request failed", path=logged_path(request.scope), method=request.method, exc_info=error)
    return problem(Internal())


def _wants_page(request: Request) -> bool:
    """Whether a person looks at the answer: a browser's navigation outside of the API."""
    has_pages = getattr(request.app.state, "pages", None) is not None
    asks_for_one = "text/html" in request.headers.get("accept", "")
    return has_pages and asks_for_one and not request.url.path.startswith("/api/")


def _methods(request: Request) -> list[str]:
    """What the path does take, over all its routes: Starlette itself names only the first one's."""
    found: set[str] = set()
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is Match.PARTIAL:
            found |= getattr(route, "methods", None) or set()
    return sorted(found)


exception_handlers: dict[Any, ExceptionHandler] = {
    HoldfastError: refused,
    HTTPException: not_routed,
    Exception: failed,
}
