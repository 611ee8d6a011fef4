"""A handler's answer as bytes: JSON, 304 for what the client has already, gzip for what is long."""

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

_COMPRESS_FROM: Final = 1_024
_COMPRESS_ELSEWHERE_FROM: Final = 256 * 1_024
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler says: `content` is what msgspec writes as JSON, or JSON bytes; None is no body."""

    content: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


async def respond(request: Request, answer: Answer) -> Response:
    """The response to send. An `ETag` among the headers makes GET conditional; only GETs are compressed."""
    headers = {"Cache-Control": "no-cache" if "ETag" in answer.headers else "no-store", **answer.headers}
    if request.method not in {"GET", "HEAD"}:
        return _plain(answer, headers)
    if _has_already(request, headers.get("ETag")):
        return Response(status_code=304, headers={**headers, "Vary": "Accept-Encoding"})
    return await _compressed(request, _plain(answer, headers))


def _plain(answer: Answer, headers: Mapping[str, str]) -> Response:
    if answer.content is None:
        return Response(status_code=answer.status, headers=headers)
    content = answer.content if isinstance(answer.content, bytes) else _encoder.encode(answer.content)
    return Response(content, status_code=answer.status, headers=headers, media_type="application/json")


def _has_already(request: Request, etag: str | None) -> bool:
    if etag is None:
        return False
    wanted = [item.strip().removeprefix("W/") for item in request.headers.get("if-none-match", "").split(",")]
    return etag.removeprefix("W/") in wanted or "*" in wanted


async def _compressed(request: Request, response: Response) -> Response:
    body = bytes(response.body)
    if "content-encoding" in response.headers or len(body) < _COMPRESS_FROM:
        return response
    response.headers["Vary"] = "Accept-Encoding"
    if not accepts_gzip(request.headers.get("accept-encoding", "")):
        return response
    small = len(body) < _COMPRESS_ELSEWHERE_FROM
    response.body = _gzip(body) if small else await asyncio.to_thread(_gzip, body)
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(response.body))
    return response


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=5, mtime=0)


def accepts_gzip(header: str) -> bool:
    """Whether `Accept-Encoding` names gzip without refusing it by `q=0`."""
    for item in header.lower().split(","):
        name, _, weight = item.partition(";")
        if name.strip() == "gzip":
            return weight.strip().replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
