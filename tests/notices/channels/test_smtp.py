"""Mail over a real SMTP server: handed over once, with TLS and a password where they are asked for."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd import smtp as aiosmtpd
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from server.notices.channel import Permanent, Temporary
from server.notices.channels.circuit import Away
from server.notices.channels.mail import read_address
from server.notices.channels.smtp import Smtp, SmtpServer
from tests.notices.channels.examples import message
from tests.support.certificates import client_context, server_context

SENDER = read_address("Tickets <tickets@example.org>")


@dataclass
class Postmaster:
    """Takes mail; `answers` are what it says instead at a stage."""

    answers: dict[str, str] = field(default_factory=dict)
    taken: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[LoginPassword] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    async def handle_MAIL(  # noqa: N802  # the library's names
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.answers.get("mail", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answers.get("rcpt", "250 OK")

    async def handle_DATA(  # noqa: N802
        self, server: Any, _session: Session, envelope: Envelope
    ) -> str:
        self.taken.append(envelope)
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return self.answers.get("data", "250 OK")

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logins.append(data)
        return AuthResult(success=data.password == b"s3cret/word", handled=False)


@asynccontextmanager
async def post_office(
    tls: ssl.SSLContext | None = None,
    *,
    at_once: bool = False,
    auth: bool = False,
    beyond_ascii: bool = False,
    answers: dict[str, str] | None = None,
) -> AsyncIterator[Postmaster]:
    postmaster = Postmaster(answers or {})
    loop = asyncio.get_running_loop()

    def protocol() -> aiosmtpd.SMTP:
        postmaster.connections += 1
        return aiosmtpd.SMTP(
            postmaster,
            hostname="mail.example",
            enable_SMTPUTF8=beyond_ascii,
            tls_context=None if at_once else tls,
            auth_required=auth and not at_once,
            auth_require_tls=tls is not None and not at_once,
            authenticator=postmaster.authenticate,
            loop=loop,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls if at_once else None)
    postmaster.port = server.sockets[0].getsockname()[1]
    try:
        yield postmaster
    finally:
        server.close()


def smtp(url: str, seconds: float = 30.0) -> Smtp:
    return Smtp(
        SmtpServer.read(url),
        SENDER,
        public_url="https://tickets.example",
        trust=client_context(),
        seconds=seconds,
    )


async def test_a_mail_is_handed_over_whole() -> None:
    async with post_office() as office:
        await smtp(f"smtp://127.0.0.1:{office.port}").send(message())
    (envelope,) = office.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("tickets@example.org", ["ann@example.org"])
    assert isinstance(envelope.content, bytes)
    mail = message_from_bytes(envelope.content, policy=policy.default)
    assert mail["Subject"] == "Your booking is confirmed"


async def test_tls_is_begun_where_it_is_offered_and_a_password_is_shown_only_in_it() -> None:
    tls = server_context("localhost")
    async with post_office(tls, auth=True) as office:
        await smtp(f"smtp://ann:s3cret%2Fword@localhost:{office.port}?tls=required").send(message())
    assert office.encrypted == [True]
    assert office.logins == [LoginPassword(b"ann", b"s3cret/word")]


async def test_tls_from_the_first_byte() -> None:
    async with post_office(server_context("localhost"), at_once=True, auth=True) as office:
        await smtp(f"smtps://ann:s3cret%2Fword@localhost:{office.port}").send(message())
    assert office.encrypted == [True]
    assert office.logins == [LoginPassword(b"ann", b"s3cret/word")]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_certificate_of_another_name_gets_no_mail(scheme: str) -> None:
    tls = server_context("other.example")
    async with post_office(tls, at_once=scheme == "smtps") as office:
        with pytest.raises(Away):
            await smtp(f"{scheme}://localhost:{office.port}").send(message())
    assert office.taken == []


async def test_an_authority_that_nobody_knows_gets_no_mail() -> None:
    async with post_office(server_context("localhost"), at_once=True) as office:
        server = SmtpServer.read(f"smtps://localhost:{office.port}")
        with pytest.raises(Away):
            await Smtp(server, SENDER).send(message())
    assert office.taken == []


async def test_required_tls_that_is_not_offered_gets_no_password() -> None:
    async with post_office() as office:
        with pytest.raises(Away):
            await smtp(f"smtp://ann:s3cret@localhost:{office.port}?tls=required").send(message())
    assert (office.taken, office.logins) == ([], [])


async def test_a_wrong_password_is_the_servers_trouble_and_is_not_quoted() -> None:
    async with post_office(server_context("localhost"), auth=True) as office:
        with pytest.raises(Away, match="535") as caught:
            await smtp(f"smtp://ann:wr0ng@localhost:{office.port}").send(message())
    assert "wr0ng" not in str(caught.value)
    assert office.taken == []


@pytest.mark.parametrize(
    ("stage", "answer", "kind"),
    [
        ("rcpt", "550 5.1.1 no such user", Permanent),
        ("rcpt", "553 no such name", Permanent),
        ("rcpt", "550 5.7.1 relaying denied", Temporary),
        ("rcpt", "450 4.2.0 greylisted", Temporary),
        ("data", "552 5.3.4 too big", Permanent),
        ("data", "554 5.7.1 looks like spam", Temporary),
        ("data", "451 try later", Temporary),
        ("mail", "550 not from you", Away),
        ("mail", "421 closing", Away),
    ],
)
async def test_what_a_server_says_tells_whose_trouble_it_is(
    stage: str, answer: str, kind: type[Exception]
) -> None:
    async with post_office(answers={stage: answer}) as office:
        with pytest.raises((Permanent, Temporary)) as caught:
            await smtp(f"smtp://127.0.0.1:{office.port}").send(message())
    assert type(caught.value) is kind


async def test_an_address_beyond_ascii_says_nothing_of_a_server_that_takes_none() -> None:
    async with post_office() as office:
        with pytest.raises(Temporary, match="beyond ASCII") as caught:
            await smtp(f"smtp://127.0.0.1:{office.port}").send(message("ü@example.org"))
    assert type(caught.value) is Temporary


async def test_an_address_beyond_ascii_is_handed_to_a_server_that_takes_them() -> None:
    async with post_office(beyond_ascii=True) as office:
        await smtp(f"smtp://127.0.0.1:{office.port}").send(message("ü@example.org"))
    assert office.taken[0].rcpt_tos == ["ü@example.org"]


async def test_a_server_that_is_not_there_is_away() -> None:
    async with post_office() as office:
        pass
    with pytest.raises(Away, match="SMTPConnectError"):
        await smtp(f"smtp://127.0.0.1:{office.port}").send(message())


async def test_a_server_that_says_nothing_is_left() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Away, match="Timeout"):
        await smtp(f"smtp://127.0.0.1:{port}", seconds=0.05).send(message())
    server.close()


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtp://mail.example", 587, "offered"),
        ("smtp://ann:x@mail.example:25", 25, "required"),
        ("smtp://ann:x@localhost", 587, "offered"),
        ("smtp://ann:x@127.0.0.1", 587, "offered"),
        ("smtp://ann:x@mail.example?tls=off", 587, "off"),
        ("smtp://mail.example/?tls=required", 587, "required"),
        ("smtps://mail.example", 465, "always"),
    ],
)
def test_a_url_says_all_there_is_to_say(url: str, port: int, tls: str) -> None:
    server = SmtpServer.read(url)
    assert (server.port, server.tls) == (port, tls)


def test_a_servers_password_is_not_shown() -> None:
    server = SmtpServer.read("smtp://ann:s3cret@mail.example")
    assert "s3cret" not in repr(server)
    assert Smtp(server, SENDER).name == "smtp mail.example:587"


@pytest.mark.parametrize(
    "url",
    [
        "smtp://",
        "http://mail.example",
        "smtp://ann:s3cret@",
        "smtp://ann:s3cret@mail.example:x",
        "smtp://ann:s3cret@mail.example:99999",
        "smtp://ann:s3cret@mail.example/box",
        "smtp://ann:s3cret@mail.example?tls=maybe",
        "smtp://ann:s3cret@mail.example?verify=no",
        "smtp://ann:s3cret@mail.example#x",
    ],
)
def test_a_url_that_does_not_hold_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"looks like|may end") as refused:
        SmtpServer.read(url)
    assert "s3cret" not in str(refused.value)
