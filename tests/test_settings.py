"""Every variable of docs/settings.md: its default, its shape, and what is said where it does not hold."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from server.settings import (
    Settings,
    SettingsError,
    from_environment,
    problems_for_run,
    problems_of_payments,
)

GOOD: dict[str, tuple[str, object]] = {
    "HOST": ("0.0.0.0", "0.0.0.0"),
    "PORT": ("8123", 8123),
    "REDIS_URL": ("redis://cache:6379/1", "redis://cache:6379/1"),
    "DATABASE_URL": ("postgresql://me@db/holdfast", "postgresql://me@db/holdfast"),
    "SECRET_KEY": ("k" * 32, "k" * 32),
    "PUBLIC_URL": ("https://tickets.example/", "https://tickets.example"),
    "ALLOWED_ORIGINS": (
        "https://A.example, http://b.example:81/ https://c.example",
        ("https://a.example", "http://b.example:81", "https://c.example"),
    ),
    "JWT_SECRET": ("j" * 32, "j" * 32),
    "JWT_JWKS_URL": ("https://id.example/keys", "https://id.example/keys"),
    "JWT_ISSUER": ("https://id.example/", "https://id.example/"),
    "JWT_AUDIENCE": ("tickets", "tickets"),
    "PAYMENTS": ("Sandbox", "sandbox"),
    "STRIPE_SECRET_KEY": ("sk_test_1", "sk_test_1"),
    "STRIPE_PUBLISHABLE_KEY": ("pk_test_1", "pk_test_1"),
    "STRIPE_WEBHOOK_SECRET": ("whsec_1", "whsec_1"),
    "STRIPE_API_BASE": ("http://127.0.0.1:9", "http://127.0.0.1:9"),
    "STRIPE_JS_URL": ("http://127.0.0.1:9/v3", "http://127.0.0.1:9/v3"),
    "SMTP_URL": ("smtps://mail.example", "smtps://mail.example"),
    "MAIL_FROM": ("Tickets <tickets@example.org>", "Tickets <tickets@example.org>"),
    "SMS_URL": ("form+https://sms.example/send", "form+https://sms.example/send"),
    "SMS_TOKEN": ("s3cret-token", "s3cret-token"),
    "SMS_BODY": ('{"to": "{to}", "text": "{text}"}', '{"to": "{to}", "text": "{text}"}'),
    "VAPID_PRIVATE_KEY": ("v" * 43, "v" * 43),
    "VAPID_SUBJECT": ("mailto:me@example.org", "mailto:me@example.org"),
    "OUTGOING_LOOPBACK": ("Allow", "allow"),
    "RATES_FILE": ("/var/rates.json", "/var/rates.json"),
    "QUOTE_TOLERANCE_PERCENT": ("0", 0),
    "HOLD_SECONDS": ("60", 60),
    "HOLD_MAX_SECONDS": ("600", 600),
    "PAYMENT_SECONDS": ("120", 120),
    "DISCONNECT_GRACE_SECONDS": ("0", 0),
    "LIVENESS_SECONDS": ("3", 3),
    "HEARTBEAT_SECONDS": ("1", 1),
    "MAX_HOLD_ITEMS": ("0", 0),
    "RATE_COMMANDS": ("0", 0),
    "RATE_BOOKINGS": ("100", 100),
    "RATE_ADDRESS": ("20", 20),
    "MAX_SOCKETS_PER_ADDRESS": ("7", 7),
    "MAX_SOCKETS": ("20000", 20_000),
    "RATE_HANDSHAKES": ("100", 100),
    "PLAIN_SOCKETS": ("Yes", "yes"),
    "IO_URING": ("No", "no"),
    "LOG_LEVEL": ("WARNING", "warning"),
}

DEFAULTS = {
    "quote_tolerance_percent": 2,
    "hold_seconds": 900,
    "hold_max_seconds": 3600,
    "payment_seconds": 1800,
    "disconnect_grace_seconds": 10,
    "liveness_seconds": 30,
    "heartbeat_seconds": 10,
    "max_hold_items": 50,
    "rate_commands": 50,
    "rate_bookings": 10,
    "rate_address": 0,
    "max_sockets_per_address": 0,
}


def test_every_variable_is_tried_here() -> None:
    assert set(GOOD) == {field.name.upper() for field in fields(Settings)}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_value_is_taken(name: str) -> None:
    text, value = GOOD[name]
    assert getattr(from_environment({name: text}), name.lower()) == value


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_is_none_at_all(name: str, text: str) -> None:
    assert from_environment({name: text}) == from_environment({}) == Settings()


def test_the_defaults_are_the_contracts() -> None:
    assert {name: getattr(Settings(), name) for name in DEFAULTS} == DEFAULTS


def test_variables_of_others_are_ignored() -> None:
    assert from_environment({"HOME": "/", "hold_seconds": "1"}) == Settings()


BAD = [
    ("PORT", "65536", "at most 65535"),
    ("QUOTE_TOLERANCE_PERCENT", "101", "at most"),
    ("PORT", "eight", "whole number"),
    ("PORT", "-1", "whole number"),
    ("PORT", "80.5", "whole number"),
    ("PORT", "٣", "whole number"),
    ("HOLD_SECONDS", "0", "at least 1"),
    ("HOLD_SECONDS", "9" * 10, "whole number"),
    ("HOLD_MAX_SECONDS", "0", "at least 1"),
    ("PAYMENT_SECONDS", "0", "at least 1"),
    ("LIVENESS_SECONDS", "0", "at least 1"),
    ("HEARTBEAT_SECONDS", "0", "at least 1"),
    ("RATE_COMMANDS", "many", "whole number"),
    ("REDIS_URL", "cache:6379", "redis://"),
    ("REDIS_URL", "redis+sentinel://a:26379", "names no service"),
    ("REDIS_URL", "redis+cluster://a:0", "has a host that is none"),
    ("DATABASE_URL", "mysql://db", "postgresql://"),
    ("PUBLIC_URL", "tickets.example", "https://"),
    ("JWT_JWKS_URL", "file:///etc/passwd", "https://"),
    ("JWT_JWKS_URL", "http://id.example/keys", "https://"),
    ("JWT_JWKS_URL", "http://127.0.0.1.id.example/keys", "https://"),
    ("JWT_JWKS_URL", "https://me:secret@id.example/keys", "no plain address"),
    ("JWT_JWKS_URL", "https:///keys", "no plain address"),
    ("STRIPE_API_BASE", "ftp://x", "https://"),
    ("STRIPE_JS_URL", "x", "https://"),
    ("SMTP_URL", "mail.example", "smtp://"),
    ("SMTP_URL", "smtps://mail.example mail2.example", "smtp://"),
    ("SMS_URL", "sms.example", "https://"),
    ("VAPID_SUBJECT", "me@example.org", "mailto:"),
    ("OUTGOING_LOOPBACK", "yes", "refuse, allow"),
    ("PLAIN_SOCKETS", "1", "no, yes"),
    ("IO_URING", "0", "yes, no"),
    ("PAYMENTS", "cash", "sandbox, stripe"),
    ("LOG_LEVEL", "loud", "debug, info, warning, error"),
    ("ALLOWED_ORIGINS", "tickets.example", "https://tickets.example"),
    ("ALLOWED_ORIGINS", "https://a.example/page", "not an origin"),
    ("ALLOWED_ORIGINS", "https://me@a.example", "not an origin"),
    ("ALLOWED_ORIGINS", "https://", "not an origin"),
    ("ALLOWED_ORIGINS", "*", "not an origin"),
]


@pytest.mark.parametrize(("name", "text", "hint"), BAD)
def test_a_bad_value_is_named_with_what_would_be_right(name: str, text: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: .*{re.escape(hint)}"):
        from_environment({name: text})


@pytest.mark.parametrize("host", ["localhost:9", "127.0.0.1", "[::1]:8080"])
def test_keys_of_this_machine_need_no_https(host: str) -> None:
    assert from_environment({"JWT_JWKS_URL": f"http://{host}/keys"}).jwt_jwks_url == f"http://{host}/keys"


def test_users_tokens_are_signed_in_one_way() -> None:
    with pytest.raises(SettingsError, match="JWT_SECRET: does not go with JWT_JWKS_URL"):
        from_environment({"JWT_SECRET": "j" * 32, "JWT_JWKS_URL": "https://id.example/keys"})


def test_every_bad_value_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment({"PORT": "x", "HOLD_SECONDS": "0", "PAYMENTS": "cash"})
    assert [problem.partition(":")[0] for problem in refused.value.problems] == [
        "PORT",
        "PAYMENTS",
        "HOLD_SECONDS",
    ]
    assert str(refused.value) == "\n".join(refused.value.problems)


def test_the_origins_are_the_public_one_and_the_allowed() -> None:
    settings = from_environment({"PUBLIC_URL": "https://a.example/", "ALLOWED_ORIGINS": "https://b.example"})
    assert settings.origins == {"https://a.example", "https://b.example"}
    assert Settings().origins == frozenset()


def test_no_secret_is_shown() -> None:
    money = ("SECRET_KEY", "JWT_SECRET", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")
    servers = (
        "REDIS_URL",
        "DATABASE_URL",
        "SMTP_URL",
        "SMS_URL",
        "SMS_TOKEN",
        "SMS_BODY",
        "VAPID_PRIVATE_KEY",
    )
    shown = repr(from_environment({name: GOOD[name][0] for name in (*money, *servers)}))
    assert not any(GOOD[name][0] in shown for name in (*money, *servers))


def test_servers_that_take_over_from_each_other_are_given_in_their_order() -> None:
    given = {"SMTP_URL": "smtp://a, smtps://b", "SMS_URL": "https://c form+https://d", "SMS_TOKEN": "e,f"}
    settings = from_environment(given)
    assert settings.smtp_urls == ("smtp://a", "smtps://b")
    assert settings.sms_urls == ("https://c", "form+https://d")
    assert settings.sms_tokens == ("e", "f")


COMPLETE = Settings(
    redis_url="redis://r", database_url="postgresql://d", secret_key="k" * 32, payments="sandbox"
)


def test_production_starts_with_all_it_needs() -> None:
    assert problems_for_run(COMPLETE) == []


@pytest.mark.parametrize("missing", ["REDIS_URL", "DATABASE_URL", "SECRET_KEY"])
def test_production_names_what_is_missing(missing: str) -> None:
    given = {"REDIS_URL": "redis://r", "DATABASE_URL": "postgresql://d", "SECRET_KEY": "k" * 32}
    del given[missing]
    problems = problems_for_run(from_environment({**given, "PAYMENTS": "sandbox"}))
    assert [problem.partition(": is missing")[0] for problem in problems] == [missing]


def test_production_refuses_a_short_secret() -> None:
    settings = Settings(
        redis_url="redis://r", database_url="postgresql://d", secret_key="k", payments="sandbox"
    )
    assert problems_for_run(settings) == ["SECRET_KEY: is too short; it has 32 characters or more"]


def test_production_does_not_take_the_sandbox_unasked() -> None:
    settings = Settings(redis_url="redis://r", database_url="postgresql://d", secret_key="k" * 32)
    assert problems_for_run(settings) == [
        "PAYMENTS: is missing; give STRIPE_SECRET_KEY, or say PAYMENTS=sandbox outright"
    ]


STRIPE = {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_PUBLISHABLE_KEY": "pk_test_1"}
LIVE = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_PUBLISHABLE_KEY": "pk_live_1"}


def test_a_secret_key_of_stripes_names_the_provider() -> None:
    assert from_environment(STRIPE).payments == "stripe"
    assert from_environment({**STRIPE, "PAYMENTS": "sandbox"}).payments == "sandbox"
    assert problems_of_payments(from_environment(STRIPE)) == []


def test_stripes_page_alone_serves_without_a_publishable_key() -> None:
    settings = from_environment({"STRIPE_SECRET_KEY": "rk_test_1", "PUBLIC_URL": "https://tickets.example"})
    assert (settings.serves_payment_page, settings.serves_checkout) == (False, True)
    assert problems_of_payments(settings) == []


def test_our_page_alone_serves_without_a_public_address() -> None:
    settings = from_environment(STRIPE)
    assert (settings.serves_payment_page, settings.serves_checkout) == (True, False)


def test_the_sandbox_serves_no_page_of_stripes() -> None:
    settings = from_environment({**STRIPE, "PAYMENTS": "sandbox", "PUBLIC_URL": "https://tickets.example"})
    assert (settings.serves_payment_page, settings.serves_checkout) == (False, False)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"PAYMENTS": "stripe"}, "STRIPE_SECRET_KEY: is missing"),
        ({**STRIPE, "STRIPE_SECRET_KEY": "pk_test_1"}, "STRIPE_SECRET_KEY: is no secret key"),
        ({**STRIPE, "STRIPE_PUBLISHABLE_KEY": "sk_test_1"}, "STRIPE_PUBLISHABLE_KEY: is no publishable key"),
        ({**STRIPE, "STRIPE_PUBLISHABLE_KEY": "pk_live_1"}, "STRIPE_PUBLISHABLE_KEY: is of another mode"),
        ({**STRIPE, "STRIPE_WEBHOOK_SECRET": "whsec_1,sk_1"}, "STRIPE_WEBHOOK_SECRET: each one"),
        ({"STRIPE_SECRET_KEY": "sk_test_1"}, "STRIPE_PUBLISHABLE_KEY: is missing"),
        ({**LIVE, "STRIPE_API_BASE": "http://127.0.0.1:9"}, "STRIPE_API_BASE: a live key"),
        ({**LIVE, "STRIPE_API_BASE": "http://api.stripe.com"}, "STRIPE_API_BASE: a live key"),
        ({**LIVE, "STRIPE_API_BASE": "https://api.stripe.com.example"}, "STRIPE_API_BASE: a live key"),
        ({**LIVE, "STRIPE_API_BASE": "https://api.stripe.com@example.com"}, "STRIPE_API_BASE: a live key"),
        ({**LIVE, "STRIPE_JS_URL": "https://js.example/v3"}, "STRIPE_JS_URL: a live key"),
        ({**LIVE, "PUBLIC_URL": "http://tickets.example"}, "PUBLIC_URL: real payments need https"),
        ({**LIVE, "OUTGOING_LOOPBACK": "allow"}, "OUTGOING_LOOPBACK: is for tests"),
    ],
)
def test_production_says_what_stripe_lacks(given: dict[str, str], problem: str) -> None:
    problems = problems_of_payments(from_environment(given))
    assert any(found.startswith(problem) for found in problems)
    assert not any(value in found for found in problems for value in given.values() if "_1" in value)


def test_a_live_key_is_used_with_stripe_itself() -> None:
    settings = from_environment(
        {**LIVE, "STRIPE_API_BASE": "https://api.stripe.com", "STRIPE_JS_URL": "https://js.stripe.com/v3/"}
    )
    assert settings.stripe_livemode
    assert problems_of_payments(settings) == []
    assert not from_environment(STRIPE).stripe_livemode


def test_there_may_be_several_webhook_secrets() -> None:
    settings = from_environment({"STRIPE_WEBHOOK_SECRET": "whsec_new, whsec_old"})
    assert settings.stripe_webhook_secrets == ("whsec_new", "whsec_old")
    assert Settings().stripe_webhook_secrets == ()


def test_the_page_on_settings_has_every_variable_and_default() -> None:
    page = (Path(__file__).parent.parent / "docs" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `?([^`|]*)`? \|", page, re.MULTILINE))
    assert set(rows) == set(GOOD)
    assert {name: rows[name.upper()] for name in DEFAULTS} == {
        name: str(value) for name, value in DEFAULTS.items()
    }
