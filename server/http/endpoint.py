"""What every HTTP route does before and after its own work, in one readable order.

queries bounded → who is asking → may they → cross-site → rate → body → Idempotency-Key → handler → answer
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from server.accounts.rules import Caller, Role
from server.errors import BadRequest, Forbidden, HoldfastError, NotFound, Unauthorized, Unavailable
from server.http import cross_site
from server.http.answers import Answer, respond
from server.http.idempotency import Fleeting, Idempotency, idempotency_key, scoped
from server.http.json_body import BODY_LIMIT, decode_json, read_body, require_json
from server.http.problems import failed, problem

Access = Literal["open", "session", "user"]
Limit = Literal["commands", "bookings"]
Handler = Callable[["Call"], Awaitable[Answer]]

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
QUERY_LIMIT: Final = 50
NOBODY: Final = Caller(session="")

__all__ = ["NOBODY", "Access", "Answer", "Call", "Handler", "Limit", "Rules", "endpoint", "rules_of"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, already admitted.

    `caller` is NOBODY where an open route is asked by nobody; `body` is of the route's type (None without
    one); `parts` is `server.app.Parts`; `op` is the Idempotency-Key, None if there is none.
    """

    request: Request
    caller: Caller
    body: Any
    parts: Any
    op: str | None

    @property
    def scoped_key(self) -> str | None:
        """The Idempotency-Key as its caller's alone, for rows that are made once by it; None without one."""
        return None if self.op is None else scoped(self.caller, self.op)

    @property
    def path(self) -> Mapping[str, str]:
        """The path's parameters, free of control characters."""
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters, the last of each name."""
        return self.request.query_params


@dataclass(frozen=True, slots=True)
class Rules:
    """What `endpoint` was told of a route."""

    body: type[msgspec.Struct] | None
    access: Access
    limit: Limit | None
    roles: frozenset[Role]
    csrf: bool
    idempotent: bool
    body_limit: int
    missing: type[HoldfastError]
    displays: bool
    fleeting: "Callable[[Call], Fleeting] | None"
    beacon: bool = field(init=False)

    def __post_init__(self) -> None:
        fields = () if self.body is None else self.body.__struct_fields__
        object.__setattr__(self, "beacon", "csrf" in fields)
        if self.body is not None and not self.body.__struct_config__.forbid_unknown_fields:
            raise TypeError(f"{self.body.__name__} must be declared with forbid_unknown_fields=True")


def endpoint(
    handler: Handler,
    *,
    body: type[msgspec.Struct] | None = None,
    access: Access = "session",
    limit: Limit | None = None,
    roles: tuple[Role, ...] = (),
    csrf: bool = True,
    idempotent: bool = True,
    body_limit: int = BODY_LIMIT,
    missing: type[HoldfastError] = NotFound,
    displays: bool = False,
    fleeting: Callable[[Call], Fleeting] | None = None,
) -> Callable[[Request], Awaitable[Response]]:
    """A Starlette endpoint around `handler`.

    `access`: "open" to anybody (`caller` may be NOBODY, and for reads by cookie it is), "session" for a
    session or user, "user" for users; `roles` narrows to users with one of them. A `body` type with a field
    `csrf` may carry the CSRF token there and comes as text too (`sendBeacon`). `csrf=False` is for routes
    that a page calls before it has a token; the Origin is checked all the same. `idempotent=False` ignores
    Idempotency-Key beyond its form (`Call.op` still has it). `missing` is what the handler raises for an id
    of nothing, and a malformed id gets likewise. `displays` is for changes that wall screens make too, who
    otherwise only read. `fleeting` says what of an answer is not kept for a repeat. An absent body is `{}`.
    Refusals leave as problem+json.
    """
    rules = Rules(
        body, access, limit, frozenset(roles), csrf, idempotent, body_limit, missing, displays, fleeting
    )

    async def run(request: Request) -> Response:
        try:
            return await _admit(request, handler, rules)
        except HoldfastError as error:
            return problem(error)
        except Exception as error:  # noqa: BLE001  # any fault of ours is logged and becomes one answer
            return await failed(request, error)

    run.__doc__ = handler.__doc__
    vars(run)["rules"] = rules
    return run


def rules_of(endpoint: object) -> Rules | None:
    """The rules of what `endpoint()` made; None for any other endpoint."""
    found: Rules | None = getattr(endpoint, "rules", None)
    return found


async def _admit(request: Request, handler: Handler, rules: Rules) -> Response:
    _require_sober(request)
    parts = request.app.state.parts
    changes = request.method not in SAFE_METHODS
    caller = await _caller(request, parts, rules)
    if changes:
        cross_site.require_own_origin(request, parts.settings, caller)
    if changes and caller.only_watches and not rules.displays:
        raise Forbidden("a wall screen only watches")
    token = request.headers.get("x-csrf-token")
    guarded = changes and rules.csrf and caller.by_cookie
    if guarded and not (rules.beacon and token is None):
        parts.sessions.require_csrf(caller, token)
    await _limit(parts, caller, rules.limit, changes=changes)
    content, raw = await _body(request, rules)
    if guarded and rules.beacon and token is None:
        parts.sessions.require_csrf(caller, content.csrf)
    _require_plain_path(request, rules)
    key = idempotency_key(request.headers) if changes else None
    call = Call(request=request, caller=caller, body=content, parts=parts, op=key)
    if key is None or not rules.idempotent or caller == NOBODY:
        return await respond(request, await handler(call))
    once = Idempotency(parts.redis)
    fleeting = None if rules.fleeting is None else rules.fleeting(call)
    return await once.answer(
        request, caller, key, raw, lambda: _finish(request, handler, call), fleeting=fleeting
    )


async def _finish(request: Request, handler: Handler, call: Call) -> Response:
    """The answer as bytes, refusals included, so that a repeat can have the same."""
    try:
        return await respond(request, await handler(call))
    except HoldfastError as error:
        return problem(error)


def _require_sober(request: Request) -> None:
    if not request.scope["query_string"]:
        return
    if request.scope["query_string"].count(b"&") >= QUERY_LIMIT:
        raise BadRequest(f"at most {QUERY_LIMIT} query parameters are taken")
    if any(_has_controls(value) for value in request.query_params.values()):
        raise BadRequest("a query parameter has control characters in it")


def _require_plain_path(request: Request, rules: Rules) -> None:
    """Such ids are of nothing; it is said where the handler would say so, no sooner and not otherwise."""
    if any(_has_controls(value) for value in request.path_params.values()):
        raise rules.missing


def _has_controls(text: str) -> bool:
    return any(
        character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff" for character in text
    )


async def _caller(request: Request, parts: Any, rules: Rules) -> Caller:
    """Who is asking. Reading what is open to all never waits for Redis for the sake of a cookie."""
    is_open, shows_token = rules.access == "open", "authorization" in request.headers
    reads = request.method in SAFE_METHODS
    if is_open and reads and not shows_token:
        return NOBODY
    try:
        caller: Caller | None = await parts.sessions.caller_of(request.headers)
    except Unavailable:
        if not (is_open and reads):
            raise
        caller = None
    except HoldfastError:
        if not is_open or shows_token:
            raise
        caller = None
    if caller is None:
        if not is_open:
            raise Unauthorized
        return NOBODY
    _require_role(caller, rules)
    return caller


def _require_role(caller: Caller, rules: Rules) -> None:
    if caller.user is None and (rules.access == "user" or rules.roles):
        raise Unauthorized("this needs a signed-in user")
    if rules.roles and not caller.roles & rules.roles:
        raise Forbidden(f"this needs the role {' or '.join(sorted(rules.roles))}")


async def _limit(parts: Any, caller: Caller, limit: Limit | None, *, changes: bool) -> None:
    if limit is None:
        return
    try:
        await parts.limits.take(limit, caller.session or f"user:{caller.user}")
    except Unavailable:
        if changes:
            raise


async def _body(request: Request, rules: Rules) -> tuple[Any, bytes]:
    raw = b"" if request.method in SAFE_METHODS else await read_body(request, rules.body_limit)
    if rules.body is None:
        return None, raw
    if raw:
        require_json(request.headers, beacon=rules.beacon)
    return decode_json(raw or b"{}", rules.body), raw
