"""The channels as the environment sets them up: which there are, in which order, and what does not hold."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from server.cli import main
from server.notices.channels.mail import read_address
from server.notices.channels.senders import mail_from, problems_of_channels, senders, subject_of
from server.notices.channels.vapid import new_private_key
from server.settings import Settings, SettingsError
from tests.support.names import SETTINGS_NAMES

if TYPE_CHECKING:
    from server.database.pool import Database

NOBODY = cast("Database", None)


async def test_only_webhooks_need_no_setting() -> None:
    made = senders(Settings(), NOBODY)
    assert set(made.by_channel) == {"webhook"}
    assert made.vapid is None
    await made.close()


async def test_every_channel_is_served_in_the_order_given() -> None:
    settings = Settings(
        smtp_url="smtp://a.example smtps://b.example",
        sms_url="https://c.example, form+https://d.example",
        sms_token="t1 t2",
        vapid_private_key=new_private_key(),
    )
    made = senders(settings, NOBODY)
    names = {channel: [sender.name for sender in each] for channel, each in made.by_channel.items()}
    assert names == {
        "email": ["smtp a.example:587", "smtp b.example:465"],
        "sms": ["sms c.example", "sms d.example"],
        "push": ["push"],
        "webhook": ["webhook"],
    }
    await made.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"smtp_url": "smtp://s3cret@"}, "SMTP_URL: looks like"),
        ({"smtp_url": "smtp://a.example?tls=s3cret"}, "SMTP_URL: may end in"),
        ({"mail_from": "s3cret"}, "MAIL_FROM: is one address"),
        ({"sms_url": "https://a https://b", "sms_token": "s3cret"}, "SMS_TOKEN: has one for each"),
        ({"sms_url": "https://a", "sms_body": "s3cret"}, "SMS_BODY: is JSON"),
        ({"sms_url": "https://a", "sms_body": '{"to": "{to}"}'}, "SMS_BODY: has {to} and {text}"),
        ({"vapid_private_key": "s3cret"}, "VAPID_PRIVATE_KEY: has 32 bytes"),
    ],
)
def test_what_does_not_hold_is_named_and_not_quoted(settings: dict[str, Any], said: str) -> None:
    (problem,) = problems_of_channels(Settings(**settings))
    assert problem.startswith(said)
    assert "s3cret" not in problem
    with pytest.raises(SettingsError, match=said.partition(":")[0]):
        senders(Settings(**settings), NOBODY)


def test_production_does_not_start_with_what_does_not_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in SETTINGS_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SMTP_URL", "smtp://box:s3cret@")
    monkeypatch.setenv("VAPID_PRIVATE_KEY", "s3cret")
    with pytest.raises(SystemExit) as ended:
        main(["run"])
    complaint = capsys.readouterr().err
    assert ended.value.code == 2
    assert "SMTP_URL: looks like" in complaint
    assert "VAPID_PRIVATE_KEY: has 32 bytes" in complaint
    assert "s3cret" not in complaint


def test_mail_is_from_whom_the_settings_say_or_from_nobody_here() -> None:
    settings = Settings(public_url="https://tickets.example:8443", mail_from="Box <box@example.org>")
    assert mail_from(settings) == read_address("Box <box@example.org>")
    assert str(mail_from(replace(settings, mail_from=""))) == "no-reply@tickets.example"
    assert str(mail_from(Settings())) == "no-reply@localhost"


def test_push_services_may_write_to_somebody() -> None:
    assert subject_of(Settings(vapid_subject="mailto:a@b", public_url="https://x.example")) == "mailto:a@b"
    assert subject_of(Settings(public_url="https://x.example")) == "https://x.example"
    assert subject_of(Settings(public_url="http://localhost:8000")) == ""
