"""Text messages through a gateway that speaks HTTP: one POST with the fields it wants, as JSON or a form."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self
from urllib.parse import urlsplit

import httpx

from server.notices.channel import Message, Permanent, Temporary
from server.notices.channels.circuit import Away
from server.notices.channels.mail import one_line
from server.notices.channels.retry_after import retry_after
from server.times import now_milliseconds

SECONDS: Final = 12.0
USUAL_BODY: Final = '{"to": "{to}", "text": "{text}", "id": "{id}"}'
PARTS: Final = 3
"""A text message of at most so many parts goes out; the rest of it is cut off."""
_PLAIN_PART: Final = 153
_UNICODE_PART: Final = 67
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_WRITTEN: Final = str.maketrans("", "", " ()./-")
# The letters of GSM 03.38 that are one septet each; its extensions, two each, count as Unicode here.
_PLAIN: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_NEVER: Final = frozenset({400, 413, 414, 422})
_BUSY: Final = frozenset({408, 425, 429})


class SmsProvider(Protocol):
    """Who sends text messages: one class for each kind of gateway."""

    @property
    def name(self) -> str:
        """What it is called in logs, without a secret."""

    async def text(self, to: str, text: str, key: str) -> None:
        """Send `text` to `to` (E.164) once for each `key`; raises Temporary, Away or Permanent."""


class Sms:
    """A Sender for any provider: numbers checked, texts cut to what a few parts carry."""

    def __init__(self, provider: SmsProvider) -> None:
        self._provider = provider

    @property
    def name(self) -> str:
        """The provider's."""
        return self._provider.name

    async def send(self, message: Message) -> None:
        """Permanent for a number without its country, which nobody could reach."""
        number = read_number(message.recipient.address)
        text = f"{message.title}: {message.text}" if message.text else message.title
        await self._provider.text(number, fitted(text), message.key)


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """How one gateway is called; `body` is what it takes, with `{to}`, `{text}` and `{id}` in its texts."""

    url: str = field(repr=False)
    form: bool
    body: dict[str, Any] = field(repr=False)
    token: str = field(repr=False)

    @classmethod
    def read(cls, url: str, body: dict[str, Any], token: str) -> Self:
        """`form+https://…` takes a form, anything else JSON."""
        return cls(url.removeprefix("form+"), url.startswith("form+"), body, token)


class HttpGateway:
    """A provider behind HTTP. Any 2xx has taken it; how the answer looks is not looked at."""

    def __init__(self, settings: GatewaySettings, client: httpx.AsyncClient) -> None:
        self._settings = settings
        self._client = client

    @property
    def name(self) -> str:
        """Host and port alone: the rest of its URL may be secret."""
        return f"sms {urlsplit(self._settings.url).netloc.rpartition('@')[2]}"

    async def text(self, to: str, text: str, key: str) -> None:
        """One POST. What the gateway says of this message alone is Permanent, of us or itself it is Away."""
        fields = filled(self._settings.body, {"to": to, "text": text, "id": key})
        token = self._settings.token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            response = await self._client.post(
                self._settings.url,
                headers={"Idempotency-Key": key, **headers},
                **({"data": fields} if self._settings.form else {"json": fields}),
            )
        except httpx.HTTPError as error:
            raise Away(f"{self.name}: {type(error).__name__}") from error
        self._judge(response)

    def _judge(self, response: httpx.Response) -> None:
        status = response.status_code
        if response.is_success:
            return
        reason = f"{self.name} answered {status}"
        if status in _NEVER:
            raise Permanent(reason)
        if status in _BUSY:
            raise Temporary(reason, retry_after=retry_after(response.headers, now_milliseconds()))
        raise Away(reason)


def read_number(text: str) -> str:
    """The number in E.164 (`+442079460958`), however it was grouped; Permanent without its country."""
    number = text.translate(_WRITTEN)
    if not _E164.fullmatch(number):
        raise Permanent("the number has no country code, or is none")
    return number


def fitted(text: str) -> str:
    """One line that PARTS parts carry."""
    line = one_line(text)
    part = _PLAIN_PART if _PLAIN.issuperset(line) else _UNICODE_PART
    most = PARTS * part
    if _units(line) <= most:
        return line
    while _units(line) > most - 3:
        line = line[:-1]
    return line.rstrip() + "..."


def filled(template: Any, words: dict[str, str]) -> Any:
    """The template with `{to}`, `{text}` and `{id}` put into its texts, and nothing else."""
    if isinstance(template, dict):
        return {name: filled(value, words) for name, value in template.items()}
    if isinstance(template, list):
        return [filled(value, words) for value in template]
    if isinstance(template, str):
        return re.sub(r"\{(to|text|id)\}", lambda found: words[found[1]], template)
    return template


def read_bodies(text: str, count: int) -> list[dict[str, Any]]:
    """SMS_BODY: an object for all gateways, or a list with one for each; ValueError says what is wrong."""
    try:
        given = json.loads(text or USUAL_BODY)
    except ValueError:
        raise ValueError(f"is JSON; one looks like {USUAL_BODY}") from None
    bodies = given if isinstance(given, list) else [given] * count
    if not all(isinstance(body, dict) for body in bodies) or len(bodies) != count:
        raise ValueError("is one object, or a list with one for each SMS_URL")
    if not all("{to}" in json.dumps(body) and "{text}" in json.dumps(body) for body in bodies):
        raise ValueError("has {to} and {text} in it")
    return bodies


def _units(line: str) -> int:
    return len(line.encode("utf-16-le")) // 2
