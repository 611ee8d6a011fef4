"""Row 107 of the bad inputs: what users write into titles, names and addresses stays text."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.notices.channel import Message, Permanent
from server.notices.channels.mail import compose, one_line, read_address
from tests.notices.channels.examples import BOOKING, message

SENDER = read_address("Tickets <tickets@example.org>")
PUBLIC_URL = "https://tickets.example"


def sent(one: Message, public_url: str = PUBLIC_URL) -> EmailMessage:
    """As the other side parses what goes over the wire."""
    raw = compose(one, SENDER, public_url).as_bytes()
    assert raw.isascii()
    parsed = message_from_bytes(raw, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def body_of(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


def test_a_mail_has_the_text_twice_and_says_that_nobody_wrote_it() -> None:
    mail = sent(message())
    assert (mail["From"], mail["To"]) == ("Tickets <tickets@example.org>", "Ann <ann@example.org>")
    assert mail["Subject"] == "Your booking is confirmed"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.year == 2026
    link = f"{PUBLIC_URL}/bookings/{BOOKING}"
    assert body_of(mail, "plain") == (
        f"Driveway 4, Sat 21 Nov, 09:00 to 17:00.\n\nSee you there.\n\n{link}\n"
    )
    page = body_of(mail, "html")
    assert "<p>Driveway 4, Sat 21 Nov, 09:00 to 17:00.</p>\n<p>See you there.</p>" in page
    assert f'<a href="{link}"' in page


def test_without_an_address_of_ours_there_is_no_link() -> None:
    assert "href" not in body_of(sent(message(), public_url=""), "html")
    assert "http" not in body_of(sent(message(data={})), "plain")


def test_each_try_is_the_same_mail_and_each_message_another() -> None:
    first, again = sent(message()), sent(message())
    assert first["Message-ID"] == again["Message-ID"]
    assert first["Message-ID"].endswith("@example.org>")
    assert first["Message-ID"] != sent(message(key="another"))["Message-ID"]


EVIL = [
    "Hello\r\nBcc: all@example.org",
    "Hello\nBcc: all@example.org",
    "Hello\rBcc: all@example.org",
    "Hello\r\n\r\n<h1>Body</h1>",
    "Hello\x0bBcc: all@example.org",
    "Hello\u2028Bcc: all@example.org",
    "Hello\x85Bcc: all@example.org",
    "Hello\0Bcc: all@example.org",
    "=?utf-8?q?Hello=0D=0ABcc:_all@example.org?=",
]


@pytest.mark.parametrize("text", EVIL)
def test_a_title_or_name_puts_no_header_in(text: str) -> None:
    mail = sent(message(title=text, name=text))
    assert set(mail.keys()) == set(sent(message()).keys())
    assert len(mail.keys()) == len(sent(message()).keys())
    assert [each.addr_spec for each in mail["To"].addresses] == ["ann@example.org"]
    assert "\n" not in mail["Subject"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@example.org",
        "ann@",
        "ann@example.org\r\nBcc: all@example.org",
        "ann@example.org\nRCPT TO:<all@example.org>",
        "ann@example.org, ben@example.org",
        "ann@example.org>, <ben@example.org",
        "ann@example.org\0",
        "ann ben@example.org",
        "ann@exa mple.org",
        "=?utf-8?q?ann=0D=0ABcc:_all@example.org?=@example.org",
        "ann@example.org>",
        "<ann@example.org",
        "ann@example..org",
        "x" * 500 + "@example.org",
        "ann@" + "x" * 70 + ".org",
    ],
)
def test_an_address_that_is_none_is_refused_for_good(address: str) -> None:
    with pytest.raises(Permanent):
        compose(message(address), SENDER, PUBLIC_URL)


def test_markup_stays_text() -> None:
    evil = '<script>alert(1)</script> "><img src=x onerror=alert(1)> {{7*7}} {title} %s'
    mail = sent(message(title=evil, text=evil, name=evil))
    page = body_of(mail, "html")
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{7*7}} {title} %s" in page
    assert body_of(mail, "plain").startswith(evil)


def test_lines_of_a_text_stay_lines() -> None:
    page = body_of(sent(message(text="one\ntwo\n\nthree")), "html")
    assert "<p>one<br>\ntwo</p>\n<p>three</p>" in page


def test_other_alphabets_arrive() -> None:
    mail = sent(message("ann@bücher.example", name="Åsa Öberg", title="Bestätigt ✓", text="Größe"))
    assert mail["To"].addresses[0].addr_spec == "ann@xn--bcher-kva.example"
    assert mail["To"].addresses[0].display_name == "Åsa Öberg"
    assert mail["Subject"] == "Bestätigt ✓"
    assert body_of(mail, "plain").startswith("Größe")


def test_a_long_title_is_cut_and_a_long_line_is_folded() -> None:
    mail = compose(message(title="x" * 5000, text="y" * 5000), SENDER, PUBLIC_URL)
    assert all(len(line) <= 998 for line in mail.as_bytes().split(b"\r\n"))
    assert len(sent(message(title="x" * 5000))["Subject"]) == 200


@settings(max_examples=25)  # a mail is slow to write and to read
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=200))
def test_whatever_users_write_is_one_mail_to_one_address(title: str, name: str, text: str) -> None:
    mail = sent(message(title=title, name=name, text=text))
    assert [each.addr_spec for each in mail["To"].addresses] == ["ann@example.org"]
    assert len(mail.keys()) == len(set(mail.keys())) == 8


@given(st.one_of(st.text(max_size=40), st.from_regex(r"[^@\s]{1,20}@[^@\s]{1,20}", fullmatch=True)))
def test_whatever_is_given_as_an_address_is_one_or_is_refused(address: str) -> None:
    try:
        mail = compose(message(address), SENDER, PUBLIC_URL)
    except Permanent:
        return
    assert len(mail["To"].addresses) == 1
    assert b"\nBcc" not in mail.as_bytes()
    assert mail.as_bytes().count(b"\r\nTo:") == 1


def test_one_line_is_one_line() -> None:
    assert one_line(" a\r\n\tb\x1b[31m\u2029c ") == "a b [31m c"


@pytest.mark.parametrize("text", ["", "Tickets", "a@b, c@d", "A <a@b>\r\nX: y", "<>", "a b@c"])
def test_a_sender_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="one address"):
        read_address(text)
