"""The environment, read once into one frozen object. docs/settings.md lists every field."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

from channels import redis_url

Payments = Literal["sandbox", "stripe"]
LogLevel = Literal["debug", "info", "warning", "error"]
Loopback = Literal["refuse", "allow"]
PlainSockets = Literal["no", "yes"]
IoUring = Literal["yes", "no"]

# Stripe's own host: a live key is shown to no other.
STRIPE_HOSTS: Final = frozenset({"api.stripe.com", "js.stripe.com"})


class SettingsError(Exception):
    """The environment cannot be used; each line names a variable, what is wrong, what would be right."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, as docs/settings.md lists it. Durations are whole seconds; a limit of 0 is none."""

    host: str = "127.0.0.1"
    port: int = 8000
    redis_url: str = field(default="", repr=False)
    database_url: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    public_url: str = ""
    allowed_origins: tuple[str, ...] = ()
    jwt_secret: str = field(default="", repr=False)
    jwt_jwks_url: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    payments: Payments | None = None
    stripe_secret_key: str = field(default="", repr=False)
    stripe_publishable_key: str = ""
    stripe_webhook_secret: str = field(default="", repr=False)
    stripe_api_base: str = ""
    stripe_js_url: str = ""
    smtp_url: str = field(default="", repr=False)
    mail_from: str = ""
    sms_url: str = field(default="", repr=False)
    sms_token: str = field(default="", repr=False)
    sms_body: str = field(default="", repr=False)
    vapid_private_key: str = field(default="", repr=False)
    vapid_subject: str = ""
    outgoing_loopback: Loopback = "refuse"
    rates_file: str = ""
    quote_tolerance_percent: int = 2
    hold_seconds: int = 900
    hold_max_seconds: int = 3600
    payment_seconds: int = 1800
    disconnect_grace_seconds: int = 10
    liveness_seconds: int = 30
    heartbeat_seconds: int = 10
    max_hold_items: int = 50
    rate_commands: int = 50
    rate_bookings: int = 10
    rate_address: int = 0
    max_sockets_per_address: int = 0
    max_sockets: int = 0
    rate_handshakes: int = 5000
    plain_sockets: PlainSockets = "no"
    io_uring: IoUring = "yes"
    log_level: LogLevel = "info"

    @property
    def origins(self) -> frozenset[str]:
        """The origins whose pages may open a socket or send a cookie."""
        return frozenset(origin for origin in (self.public_url, *self.allowed_origins) if origin)

    @property
    def stripe_livemode(self) -> bool:
        """Whether the secret key moves real money; every event of Stripe's says the same of itself."""
        return _is_live(self.stripe_secret_key)

    @property
    def stripe_webhook_secrets(self) -> tuple[str, ...]:
        """Every secret that may have signed an event: two while one takes the other's place."""
        return _several(self.stripe_webhook_secret)

    @property
    def smtp_urls(self) -> tuple[str, ...]:
        """Every server that takes mail, the first choice first."""
        return _several(self.smtp_url)

    @property
    def sms_urls(self) -> tuple[str, ...]:
        """Every gateway that takes text messages, the first choice first."""
        return _several(self.sms_url)

    @property
    def sms_tokens(self) -> tuple[str, ...]:
        """A token for each gateway, in their order."""
        return _several(self.sms_token)

    @property
    def serves_payment_page(self) -> bool:
        """Whether buyers can pay on a page of ours: it needs the key that browsers may know."""
        return self.payments == "stripe" and bool(self.stripe_publishable_key)

    @property
    def serves_checkout(self) -> bool:
        """Whether buyers can pay on Stripe's page: it needs an address of ours to come back to."""
        return self.payments == "stripe" and bool(self.public_url)


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read `HOST`, `PORT`, …; raise SettingsError naming every variable that does not hold."""
    problems: list[str] = []
    values: dict[str, object] = {}
    for item in fields(Settings):
        name = item.name.upper()
        text = environment.get(name, "").strip()
        if not text:
            continue
        try:
            values[item.name] = _convert(item.name, text)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if {"jwt_secret", "jwt_jwks_url"} <= values.keys():
        problems.append("JWT_SECRET: does not go with JWT_JWKS_URL; users' tokens are signed in one way")
    if problems:
        raise SettingsError(problems)
    if "stripe_secret_key" in values:
        values.setdefault("payments", "stripe")
    return Settings(**values)  # type: ignore[arg-type]  # _convert types each by its name


_CHOICES: dict[str, tuple[str, ...]] = {
    "payments": get_args(Payments),
    "log_level": get_args(LogLevel),
    "outgoing_loopback": get_args(Loopback),
    "plain_sockets": get_args(PlainSockets),
    "io_uring": get_args(IoUring),
}
_NUMBERS = frozenset(item.name for item in fields(Settings) if item.type is int)
_AT_LEAST_ONE = frozenset(
    {"hold_seconds", "hold_max_seconds", "payment_seconds", "liveness_seconds", "heartbeat_seconds"}
)
_URLS = {
    "redis_url": redis_url.SCHEMES,
    "database_url": ("postgresql://", "postgres://"),
    "public_url": ("http://", "https://"),
    "jwt_jwks_url": ("http://", "https://"),
    "stripe_api_base": ("http://", "https://"),
    "stripe_js_url": ("http://", "https://"),
    "smtp_url": ("smtp://", "smtps://"),
    "sms_url": ("https://", "http://", "form+https://", "form+http://"),
    "vapid_subject": ("mailto:", "https://"),
}
_LISTS = frozenset({"smtp_url", "sms_url"})


def _convert(name: str, text: str) -> object:
    if name in _NUMBERS:
        return _number(name, text)
    if name in _CHOICES:
        if text.lower() not in _CHOICES[name]:
            raise ValueError(f"is {text!r}; it is one of {', '.join(_CHOICES[name])}")
        return text.lower()
    if name == "allowed_origins":
        return tuple(_origin(part) for part in _several(text))
    urls = _several(text) if name in _LISTS else (text,)
    if name in _URLS and not all(url.startswith(_URLS[name]) for url in urls):
        raise ValueError(f"starts with one of {', '.join(_URLS[name])}")
    if name == "jwt_jwks_url":
        return _keys_url(text)
    if name == "redis_url":
        redis_url.read(text)
    return text.rstrip("/") if name == "public_url" else text


def _several(text: str) -> tuple[str, ...]:
    """What was given by commas or spaces."""
    return tuple(text.replace(",", " ").split())


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise ValueError(f"is {text!r}; it is a whole number")
    value = int(text)
    if name == "port" and value > 65535:
        raise ValueError(f"is {value}; a port is at most 65535")
    if name == "quote_tolerance_percent" and value > 100:
        raise ValueError(f"is {value}; it is at most 100")
    if name in _AT_LEAST_ONE and value < 1:
        raise ValueError("is 0; it is at least 1")
    return value


def _origin(text: str) -> str:
    origin = text.rstrip("/").lower()
    scheme, _, rest = origin.partition("://")
    if scheme not in {"http", "https"} or not rest or "/" in rest or "@" in rest:
        raise ValueError(f"{text!r} is not an origin; one looks like https://tickets.example")
    return origin


def _keys_url(text: str) -> str:
    """Who could change the answer could sign in as anybody: https, or this machine's own."""
    parts = urlsplit(text)
    if not parts.hostname or parts.username is not None or parts.fragment:
        raise ValueError("is no plain address; one looks like https://id.example/.well-known/jwks.json")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("starts with https:// where it is not this machine's own")
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def problems_for_run(settings: Settings) -> list[str]:
    """What `holdfast run` lacks: production starts with everything it needs or not at all."""
    problems = [
        f"{name}: is missing; {hint}"
        for name, value, hint in (
            ("REDIS_URL", settings.redis_url, "redis://host:6379/0"),
            ("DATABASE_URL", settings.database_url, "postgresql://user:password@host/database"),
            ("SECRET_KEY", settings.secret_key, "32 or more random characters that all processes share"),
        )
        if not value
    ]
    if settings.secret_key and len(settings.secret_key) < 32:
        problems.append("SECRET_KEY: is too short; it has 32 characters or more")
    return [*problems, *problems_of_payments(settings)]


def problems_of_payments(settings: Settings) -> list[str]:
    """A provider is named, outright or by Stripe's key, and it has all it needs."""
    if settings.payments == "sandbox":
        return []
    if settings.payments is None:
        return ["PAYMENTS: is missing; give STRIPE_SECRET_KEY, or say PAYMENTS=sandbox outright"]
    return [*_problems_of_keys(settings), *_problems_of_mode(settings), *_problems_of_pages(settings)]


def _problems_of_keys(settings: Settings) -> list[str]:
    problems = []
    if not settings.stripe_secret_key:
        problems.append("STRIPE_SECRET_KEY: is missing; it looks like sk_test_… or sk_live_…")
    elif not settings.stripe_secret_key.startswith(("sk_", "rk_")):
        problems.append("STRIPE_SECRET_KEY: is no secret key; one starts with sk_ or rk_")
    if settings.stripe_publishable_key and not settings.stripe_publishable_key.startswith("pk_"):
        problems.append("STRIPE_PUBLISHABLE_KEY: is no publishable key; one starts with pk_")
    if not all(secret.startswith("whsec_") for secret in settings.stripe_webhook_secrets):
        problems.append("STRIPE_WEBHOOK_SECRET: each one, by commas, starts with whsec_")
    return problems


def _problems_of_mode(settings: Settings) -> list[str]:
    """Live and test never mix, and nothing live goes anywhere but to Stripe."""
    problems = []
    live, key = settings.stripe_livemode, settings.stripe_publishable_key
    if key and settings.stripe_secret_key and _is_live(key) != live:
        problems.append(
            "STRIPE_PUBLISHABLE_KEY: is of another mode than STRIPE_SECRET_KEY; both live or both test"
        )
    if not live:
        return problems
    problems += [
        f"{name}: a live key is used with Stripe itself alone; leave it out"
        for name, url in (
            ("STRIPE_API_BASE", settings.stripe_api_base),
            ("STRIPE_JS_URL", settings.stripe_js_url),
        )
        if url and not _is_stripes(url)
    ]
    if settings.public_url.startswith("http://"):
        problems.append("PUBLIC_URL: real payments need https://")
    if settings.outgoing_loopback == "allow":
        problems.append("OUTGOING_LOOPBACK: is for tests and development; leave it out")
    return problems


def _problems_of_pages(settings: Settings) -> list[str]:
    if settings.serves_payment_page or settings.serves_checkout:
        return []
    needed = "without it PUBLIC_URL is needed, which buyers come back to from Stripe's page"
    return [f"STRIPE_PUBLISHABLE_KEY: is missing; {needed}"]


def _is_live(key: str) -> bool:
    return "_live_" in key[:8]


def _is_stripes(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.netloc in STRIPE_HOSTS
