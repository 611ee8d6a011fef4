"""One SMTP server: `smtp://name:password@host:587` (STARTTLS) or `smtps://name:password@host` (TLS)."""

import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Final, Literal, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import aiosmtplib
from aiosmtplib import (
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from server.notices.channel import Message, Permanent, Temporary
from server.notices.channels.circuit import Away
from server.notices.channels.mail import compose

Tls = Literal["always", "required", "offered", "off"]

SECONDS: Final = 12.0
_PORTS: Final = {"smtp": 587, "smtps": 465}
_PERMANENT: Final = 500
_POLICY_STATUS: Final = (
    "5.7."  # of the enhanced codes (RFC 3463) those that are about us, not about the address
)


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over. `tls`: always (smtps), required or, with nothing to hide, where offered."""

    host: str
    port: int
    name: str = field(repr=False)
    password: str = field(repr=False)
    tls: Tls

    @classmethod
    def read(cls, url: str) -> Self:
        """From its URL; ValueError says what would be right, without the URL, which has a password in it."""
        parts = urlsplit(url)
        try:
            host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        except (KeyError, ValueError):
            raise ValueError("looks like smtp://name:password@mail.example:587") from None
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if not host or parts.path not in {"", "/"} or parts.fragment:
            raise ValueError("looks like smtp://name:password@mail.example:587")
        if options.keys() - {"tls"} or options.get("tls", "off") not in {"off", "required"}:
            raise ValueError("may end in ?tls=required or ?tls=off")
        name, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(host, port, name, password, _tls(parts.scheme, options.get("tls"), name, host))


class Smtp:
    """A Sender: one connection for one message."""

    def __init__(
        self,
        server: SmtpServer,
        sender: Address,
        *,
        public_url: str = "",
        trust: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._server = server
        self._sender = sender
        self._public_url = public_url
        self._trust = trust
        self._seconds = seconds

    @property
    def name(self) -> str:
        """Host and port alone: the rest of its URL is secret."""
        return f"smtp {self._server.host}:{self._server.port}"

    async def send(self, message: Message) -> None:
        """Hand it over. Permanent for what no server will take, Away where this one is in trouble."""
        mail = compose(message, self._sender, self._public_url)
        recipient: str = mail["To"].addresses[0].addr_spec
        try:
            await self._hand_over(mail, recipient)
        except SMTPRecipientsRefused as error:
            raise _refused(error.recipients[0]) from error
        except (SMTPDataError, SMTPRecipientRefused) as error:
            raise _refused(error) from error
        except SMTPResponseException as error:
            raise Away(f"{self.name} answered {error.code}") from error
        except (SMTPException, OSError) as error:
            if isinstance(error, SMTPNotSupported) and not recipient.isascii():
                raise Temporary(f"{self.name} takes no address beyond ASCII") from error
            raise Away(f"{self.name}: {type(error).__name__}") from error

    async def _hand_over(self, mail: EmailMessage, recipient: str) -> None:
        server = self._server
        await aiosmtplib.send(
            mail,
            sender=self._sender.addr_spec,
            recipients=[recipient],
            hostname=server.host,
            port=server.port,
            username=server.name or None,
            password=server.password if server.name else None,
            use_tls=server.tls == "always",
            start_tls={"always": False, "required": True, "offered": None, "off": False}[server.tls],
            tls_context=self._trust,
            timeout=self._seconds,
        )


def _tls(scheme: str, asked: str | None, name: str, host: str) -> Tls:
    if scheme == "smtps":
        return "always"
    if asked is not None:
        return "off" if asked == "off" else "required"
    return "required" if name and not _is_loopback(host) else "offered"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refused(error: SMTPResponseException) -> Temporary | Permanent:
    """What a server says of one address or one mail."""
    reason = f"refused with {error.code}"
    if error.code < _PERMANENT or str(error.message).startswith(_POLICY_STATUS):
        return Temporary(reason)
    return Permanent(reason)
