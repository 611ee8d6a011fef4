"""Who this program is: a user by a JWT, a session by its token, or both."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from channels.client.http import Headers, Http
from channels.client.models import Session

Token = str | Callable[[], Awaitable[str]]


class Identity:
    """`token` is a user's JWT, or what gets one and a newer one later; `session` the token of a session."""

    def __init__(self, token: Token | None, session: str | None) -> None:
        self._source = token
        self._token = token if isinstance(token, str) else None
        self._session = session
        self._tokens = asyncio.Lock()
        self._sessions = asyncio.Lock()

    @property
    def headers(self) -> Headers:
        """What a request shows."""
        if self._token is None:
            return {} if self._session is None else {"Authorization": f"Bearer {self._session}"}
        shown = {"Authorization": f"Bearer {self._token}"}
        return shown if self._session is None else {**shown, "Holdfast-Session": self._session}

    @property
    def hello(self) -> Mapping[str, Any]:
        """What a socket shows."""
        if self._token is None:
            return {"token": self._session}
        return {"token": self._token, "session": self._session}

    async def get_token(self) -> None:
        """Have a JWT where there is somebody to get one from."""
        if self._token is None and callable(self._source):
            async with self._tokens:
                self._token = self._token or await self._source()

    async def renew(self, shown: Headers) -> bool:
        """The server wants another token than was `shown`; whether there is one."""
        if not callable(self._source):
            return False
        async with self._tokens:
            if self.headers == shown:
                self._token = await self._source()
        return self.headers != shown

    async def require_session(self, http: Http) -> None:
        """Open a session where there is none yet."""
        if self._session is None:
            async with self._sessions:
                if self._session is None:
                    await self._open(http)

    async def open(self, http: Http) -> Session:
        """A session; the same again, for another while, where there is one."""
        async with self._sessions:
            return await self._open(http)

    async def _open(self, http: Http) -> Session:
        opened = msgspec.json.decode(await http.change("POST", "/api/sessions"), type=Session)
        self._session = opened.token
        return opened
