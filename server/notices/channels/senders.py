"""The channels as they are set up: who takes mail, texts, pushes and webhooks, the first choice first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from typing import Final
from urllib.parse import urlsplit

import httpx

from server.database.pool import Database
from server.http.outgoing import Outgoing, authorities
from server.notices.channel import Channel, Sender
from server.notices.channels.circuit import Circuit
from server.notices.channels.mail import read_address
from server.notices.channels.sms import SECONDS, GatewaySettings, HttpGateway, Sms, read_bodies
from server.notices.channels.smtp import Smtp, SmtpServer
from server.notices.channels.vapid import BadKey, VapidKey
from server.notices.channels.web_push import WebPush
from server.notices.channels.webhooks import Webhooks
from server.notices.figures import Counted, NoticeFigures
from server.settings import Settings, SettingsError
from server.times import Clock, now_milliseconds

_NOWHERE: Final = "localhost"


@dataclass(frozen=True, slots=True)
class Senders:
    """One process' senders; a channel that is not set up is not there."""

    by_channel: Mapping[Channel, Sequence[Sender]]
    circuits: Sequence[Circuit]
    outgoing: Outgoing
    vapid: VapidKey | None
    _client: httpx.AsyncClient | None

    @property
    def away(self) -> int:
        """How many providers are passed over now."""
        return sum(circuit.is_open for circuit in self.circuits)

    async def close(self) -> None:
        """Give the connections back."""
        self.outgoing.close()
        if self._client is not None:
            await self._client.aclose()


def senders(
    settings: Settings,
    database: Database,
    *,
    clock: Clock = now_milliseconds,
    outgoing: Outgoing | None = None,
    figures: NoticeFigures | None = None,
) -> Senders:
    """All that the settings name; SettingsError for what does not hold."""
    problems = problems_of_channels(settings)
    if problems:
        raise SettingsError(problems)
    out = outgoing or Outgoing(loopback=settings.outgoing_loopback == "allow")
    client = httpx.AsyncClient(timeout=SECONDS, verify=authorities()) if settings.sms_urls else None
    vapid = VapidKey.read(settings.vapid_private_key) if settings.vapid_private_key else None
    mail = [Circuit(each, clock) for each in _mail(settings)]
    sms = [Circuit(each, clock) for each in _sms(settings, client)] if client else []
    found: dict[Channel, Sequence[Sender]] = {
        "email": mail,
        "sms": sms,
        "webhook": [Webhooks(database, out, clock)],
    }
    if vapid is not None:
        found["push"] = [WebPush(database, out, vapid, subject=subject_of(settings), clock=clock)]
    counts = figures or NoticeFigures()
    by_channel = {
        channel: [Counted(channel, each, counts) for each in chosen]
        for channel, chosen in found.items()
        if chosen
    }
    return Senders(by_channel, (*mail, *sms), out, vapid, client)


def problems_of_channels(settings: Settings) -> list[str]:
    """What of the settings does not hold, a line for each; none quotes a value, which may be secret."""
    checks: dict[str, Callable[[], object]] = {
        "SMTP_URL": lambda: [SmtpServer.read(url) for url in settings.smtp_urls],
        "MAIL_FROM": lambda: mail_from(settings),
        "SMS_BODY": lambda: read_bodies(settings.sms_body, len(settings.sms_urls)),
        "SMS_TOKEN": lambda: _tokens(settings),
        "VAPID_PRIVATE_KEY": lambda: settings.vapid_private_key and VapidKey.read(settings.vapid_private_key),
    }
    problems = []
    for name, check in checks.items():
        try:
            check()
        except (BadKey, ValueError) as error:
            problems.append(f"{name}: {error}")
    return problems


def mail_from(settings: Settings) -> Address:
    """Whom mail is from: MAIL_FROM, or nobody at the host of PUBLIC_URL."""
    host = urlsplit(settings.public_url).hostname or _NOWHERE
    return read_address(settings.mail_from or f"no-reply@{host}")


def subject_of(settings: Settings) -> str:
    """Whom push services may write to: VAPID_SUBJECT, else our own address, which they take only as https."""
    public = settings.public_url if settings.public_url.startswith("https://") else ""
    return settings.vapid_subject or public


def _mail(settings: Settings) -> list[Sender]:
    sender = mail_from(settings)
    return [Smtp(SmtpServer.read(url), sender, public_url=settings.public_url) for url in settings.smtp_urls]


def _sms(settings: Settings, client: httpx.AsyncClient) -> list[Sender]:
    urls = settings.sms_urls
    given = zip(urls, read_bodies(settings.sms_body, len(urls)), _tokens(settings), strict=True)
    return [Sms(HttpGateway(GatewaySettings.read(*each), client)) for each in given]


def _tokens(settings: Settings) -> Sequence[str]:
    tokens, count = settings.sms_tokens, len(settings.sms_urls)
    if tokens and len(tokens) != count:
        raise ValueError("has one for each SMS_URL, in their order, or none at all")
    return tokens or ("",) * count
