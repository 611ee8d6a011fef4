"""A message as an e-mail: plain text, the same as simple HTML, headers that nothing gets into. Pure."""

import hashlib
import html
import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from server.notices.channel import Message, Permanent

SUBJECT_LENGTH: Final = 200
_ADDRESS_LENGTH: Final = 254
_POLICY: Final = SMTP.clone(cte_type="7bit")
_MAILBOX: Final = re.compile(
    r'(?:"?(?P<name>[^"<>]*?)"?\s*<)?(?P<local>[^\s@<>()\[\]\\,;:"?]+)@(?P<domain>[^\s@<>()\[\]\\,;:"?]+)(?(name)>)'
)

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body style="margin:0;padding:24px;background:#f4f4f2;color:#1d1d1b;font:16px/1.5 sans-serif">
<div style="max-width:36em;margin:0 auto;padding:24px;background:#fff;border-radius:8px">
<h1 style="margin:0 0 16px;font-size:20px">{title}</h1>
{body}
</div>
</body>
</html>
"""
_LINK: Final = '<p><a href="{0}" style="color:#0b5cad">{0}</a></p>'


def read_address(text: str) -> Address:
    """One address, with or without a name; ValueError for none, several, or one that breaks its line."""
    found = _MAILBOX.fullmatch(text)
    if found is None or not text.isprintable() or len(text) > SUBJECT_LENGTH + _ADDRESS_LENGTH:
        raise ValueError("is one address; one looks like Tickets <tickets@example.org>")
    name, local = header_text(found["name"] or ""), found["local"]
    return Address(name, local, found["domain"].encode("idna").decode())  # a bad domain is a ValueError too


def compose(message: Message, sender: Address, public_url: str) -> EmailMessage:
    """The whole e-mail; its Message-ID is the same on each try. Permanent for an address that is none."""
    mail = EmailMessage(policy=_POLICY)
    try:
        recipient = read_address(message.recipient.address)
    except ValueError as error:
        raise Permanent("the address is none that mail goes to") from error
    title = one_line(message.title)[:SUBJECT_LENGTH]
    name = header_text(message.recipient.name)[:SUBJECT_LENGTH]
    link = _link(message, public_url)
    mail["From"] = sender
    mail["To"] = Address(name, recipient.username, recipient.domain)
    mail["Subject"] = header_text(title)
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.created_at / 1000, UTC))
    mail["Message-ID"] = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:40]}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join(filter(None, (message.text, link))) + "\n")
    mail.add_alternative(_html(title, message.text, link), subtype="html")
    return mail


def one_line(text: str) -> str:
    """The text without line breaks and whatever else moves a cursor: each becomes one space."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def header_text(text: str) -> str:
    """One line that the library takes as it stands: it decodes `=?utf-8?q?…?=`, line breaks and all."""
    return one_line(text).replace("=?", "= ?")


def _html(title: str, text: str, link: str) -> str:
    paragraphs = [f"<p>{html.escape(part)}</p>" for part in text.split("\n\n")]
    body = "\n".join(paragraphs).replace("\n", "<br>\n").replace("</p><br>", "</p>")
    if link:
        body += "\n" + _LINK.format(html.escape(link))
    return _PAGE.format(title=html.escape(title), body=body)


def _link(message: Message, public_url: str) -> str:
    booking = message.data.get("booking")
    return f"{public_url}/bookings/{booking}" if public_url and isinstance(booking, str) else ""
