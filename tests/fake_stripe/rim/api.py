"""Stripe's HTTP: keys, versions, idempotency, faults, and then the call itself."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from tests.fake_stripe.contract.contract import Contract
from tests.fake_stripe.core import calls, reading
from tests.fake_stripe.core.account import Account, Cause
from tests.fake_stripe.core.form import Params, decode
from tests.fake_stripe.core.keys import Keys, Result
from tests.fake_stripe.core.refusal import Refused
from tests.fake_stripe.rim.faults import AFTER_EFFECT, Faults, Name
from tests.fake_stripe.rim.replies import API_ERROR, reply, result, spoilt


@dataclass(frozen=True)
class Asked:
    """One call of a server, as it came. `call` is its name: `POST /v1/payment_intents/{id}/capture`."""

    method: str
    path: str
    params: Params
    key: str | None
    version: str | None
    id: str
    call: str = ""
    object_id: str = ""


@dataclass
class Api:
    """`/v1/…` under a secret key. `happened` is called after each effect."""

    account: Account
    secret_key: str
    clock: Callable[[], int]
    happened: Callable[[], None]
    contract: Contract
    faults: Faults = field(default_factory=Faults)
    keys: Keys = field(default_factory=Keys)
    requests: list[Asked] = field(default_factory=list)

    async def answer(self, request: Request) -> Response | None:
        """The answer, None for a connection that is cut."""
        asked = await self._asked(request)
        self.requests.append(asked)
        try:
            self._check(request, asked)
        except Refused as refusal:
            return reply(_error(refusal), asked.id, asked.key)
        if self.faults.delay_seconds:
            await asyncio.sleep(self.faults.delay_seconds)
        fault = self.faults.of(asked.call)
        if fault == "stall":
            return await self._after_stall(asked)
        if fault and fault not in AFTER_EFFECT:
            return spoilt(fault, None, asked.id, asked.key)
        return await self._answered(asked, fault)

    async def _asked(self, request: Request) -> Asked:
        method, path = request.method, request.url.path
        text = (await request.body()).decode() if method == "POST" else request.url.query
        call, object_id = calls.named(method, path)
        return Asked(
            method,
            path,
            decode(parse_qsl(text, keep_blank_values=True)),
            request.headers.get("idempotency-key") if method == "POST" else None,
            request.headers.get("stripe-version"),
            self.account.new_id("req"),
            call,
            object_id,
        )

    def _check(self, request: Request, asked: Asked) -> None:
        """What Stripe finds before it begins."""
        self._authenticate(request)
        if not asked.call:
            self.contract.unknown(asked.method, asked.path)
            raise Refused(f"Unrecognized request URL ({asked.method}: {asked.path}).", status=404)
        self.contract.headers(asked.call, asked.version, asked.key)
        problems = self.contract.request(asked.call, asked.params)
        if problems:
            code = "parameter_missing" if problems[0].endswith("missing") else "parameter_unknown"
            raise Refused(problems[0], code=code)

    def _authenticate(self, request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            given = base64.b64decode(given).decode().partition(":")[0]
        if given != self.secret_key:
            raise Refused(f"Invalid API Key provided: {given[:8]}…", status=401)

    async def _after_stall(self, asked: Asked) -> Response:
        """The key is taken meanwhile: whoever else comes with it gets a 409."""
        try:
            known = self._begin(asked)
        except Refused as refusal:
            return reply(_error(refusal), asked.id, asked.key)
        try:
            await self.faults.stall()
        except asyncio.CancelledError:
            self._end(asked, None)
            raise
        return reply(known or self._execute(asked, None), asked.id, asked.key, replayed=known is not None)

    async def _answered(self, asked: Asked, fault: Name | None) -> Response | None:
        try:
            known = self._begin(asked)
        except Refused as refusal:
            return reply(_error(refusal), asked.id, asked.key)
        answer = known or self._execute(asked, fault)
        if fault == "stall_after_effect":
            await self.faults.stall()
        elif fault and not known:
            return spoilt(fault, answer, asked.id, asked.key)
        return reply(answer, asked.id, asked.key, replayed=known is not None)

    def _begin(self, asked: Asked) -> Result | None:
        if asked.key is None:
            return None
        fingerprint = f"{asked.method} {asked.path} {json.dumps(asked.params, sort_keys=True)}"
        return self.keys.begin(asked.key, fingerprint, self.clock())

    def _execute(self, asked: Asked, fault: Name | None) -> Result:
        answer, began = self._run(asked)
        kept = result(500, API_ERROR) if fault == "500_after" else answer
        self._end(asked, kept if began else None)
        return answer

    def _end(self, asked: Asked, answer: Result | None) -> None:
        """Keep the result; what was not valid never began, so its key stays free."""
        if asked.key and answer:
            self.keys.finish(asked.key, answer)
        elif asked.key:
            self.keys.abandon(asked.key)

    def _run(self, asked: Asked) -> tuple[Result, bool]:
        self.account.at(self.clock())
        self.account.cause = Cause(asked.id, asked.key)
        try:
            body = calls.BY_NAME[asked.call].do(self.account, asked.object_id, asked.params)
            body = reading.expand(self.account, body, asked.params.get("expand", []))
        except Refused as refusal:
            return _error(refusal), "param" not in refusal.error
        finally:
            self.account.cause = Cause()
            self.happened()
        self.contract.reply(asked.call, body)
        return result(200, body), True


def _error(refusal: Refused) -> Result:
    return result(refusal.status, refusal.json())
