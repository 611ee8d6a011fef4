"""docs/notice-channels.md is held to the code: its program runs, its figures are ours."""

import re
import time
from pathlib import Path
from typing import Any

from server.http.outgoing import ANSWER_LIMIT, SECONDS
from server.http.public_addresses import FIRST_FREE_PORT
from server.notices import push_store, webhook_endpoints
from server.notices.channels import circuit, sms, web_push, webhooks
from server.notices.channels.signing import new_secret, signed_headers
from server.notices.channels.smtp import SmtpServer
from server.notices.deliveries import RETRIES

PAGE = (Path(__file__).parents[3] / "docs" / "notice-channels.md").read_text()
TEXT = " ".join(PAGE.split())


def test_the_program_that_checks_a_delivery_is_right() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)
    is_genuine, secret, now = names["is_genuine"], new_secret(), int(time.time())
    headers = signed_headers("id", now, b"{}", [new_secret(), secret])
    assert is_genuine(secret, headers, b"{}")
    assert not is_genuine(secret, headers, b"{ }")
    assert not is_genuine(new_secret(), headers, b"{}")
    assert not is_genuine(secret, signed_headers("id", now - 900, b"{}", [secret]), b"{}")


def test_its_figures_are_ours() -> None:
    assert (push_store.MOST, webhook_endpoints.MOST) == (10, 10)
    assert webhook_endpoints.ROTATION_MS == 24 * 3_600_000
    assert webhooks.GIVEN_UP_MS == 5 * 24 * 3_600_000
    assert (SECONDS, ANSWER_LIMIT, FIRST_FREE_PORT) == (15, 16 * 1024, 1024)
    assert (circuit.FAILURES, circuit.OPEN_MS, circuit.OPEN_AT_MOST_MS) == (3, 15_000, 300_000)
    assert (web_push.TTL_SECONDS, web_push.SHORT_TTL_SECONDS) == (24 * 3600, 900)
    assert (sms.PARTS * sms._PLAIN_PART, sms.PARTS * sms._UNICODE_PART) == (459, 201)
    assert sorted(sms._NEVER) == [400, 413, 414, 422]
    assert sorted(sms._BUSY) == [408, 425, 429]


def test_its_schedule_of_webhooks_is_ours() -> None:
    said = "after 5 seconds, 5 and 30 minutes, 2, 5, 10, 14, 20 and 24 hours"
    assert said in TEXT
    hours = [hour * 3600 for hour in (2, 5, 10, 14, 20, 24)]
    assert list(RETRIES["webhook"]) == [5, 5 * 60, 30 * 60, *hours]
    assert 20 < sum(RETRIES["email"]) / 3600 < 28


def test_its_mail_servers_are_read_as_it_says() -> None:
    (value,) = re.findall(r'SMTP_URL="([^"]+)"', PAGE)
    first, second = (SmtpServer.read(url) for url in value.replace(",", " ").split())
    assert (first.tls, first.port, second.tls, second.port) == ("always", 465, "required", 587)


def test_its_gateways_are_read_as_it_says() -> None:
    (body,) = re.findall(r"SMS_BODY='([^']+)'", PAGE)
    assert len(sms.read_bodies(body, 2)) == 2
