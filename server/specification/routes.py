"""`GET /openapi.json` and `GET /asyncapi.json`."""

from functools import lru_cache
from importlib.metadata import version

import msgspec
from starlette.applications import Starlette
from starlette.routing import Route

from server.http.endpoint import Answer, Call, endpoint
from server.specification.asyncapi import asyncapi
from server.specification.openapi import openapi

VERSION = version("holdfast")


async def _openapi(call: Call) -> Answer:
    """The HTTP interface, machine-readable."""
    return Answer(_of_http(call.request.app))


async def _asyncapi(_call: Call) -> Answer:
    """The socket's messages, machine-readable."""
    return Answer(_of_the_socket())


@lru_cache(maxsize=1)
def _of_http(app: Starlette) -> bytes:
    return msgspec.json.encode(openapi(app.routes, VERSION))


@lru_cache(maxsize=1)
def _of_the_socket() -> bytes:
    return msgspec.json.encode(asyncapi(VERSION))


routes = [
    Route("/openapi.json", endpoint(_openapi, access="open"), methods=["GET"]),
    Route("/asyncapi.json", endpoint(_asyncapi, access="open"), methods=["GET"]),
]
