"""`holdfast demo`: everything on one machine, with no account, no root and no configuration."""

import socket
import sys
import threading
import webbrowser
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from server.accounts.rules import Role
from server.accounts.users import mint
from server.database.migrate import migrate
from server.embedded.home import Home
from server.embedded.seed import Seeded, seed
from server.loop import run
from server.notices.channels.senders import problems_of_channels
from server.notices.channels.vapid import new_private_key
from server.ops import logs
from server.serve import listen, serve
from server.settings import Settings, SettingsError, problems_of_payments
from server.times import now_milliseconds

FOLDER = Path(".holdfast")
DEMO_SUBJECT: Final = "mailto:demo@example.com"  # some push services take no push without one
SIGNED_IN_SECONDS: Final = 30 * 24 * 3600
PEOPLE: Final[tuple[tuple[str, str, str, Role], ...]] = (
    ("its owner", "olivia", "Olivia", "owner"),
    ("a driver", "dora", "Dora", "buyer"),
)
"""Who can be tried: what they are to the driveways, and their tokens' `sub`, `name` and role."""


def demo(settings: Settings, *, reset: bool, environment: Mapping[str, str]) -> None:
    """Serve until Ctrl-C. What `settings` already names is used instead of our own."""
    refused = problems_of_payments(_with_page(settings)) if settings.payments else []
    refused += problems_of_channels(settings)
    if refused:
        raise SettingsError(refused)
    if not environment.get("LOG_LEVEL"):
        logs.configure("warning")  # the terminal shows where to go, not every request
    with listen(settings.host, settings.port) as listener, Home(FOLDER) as home:
        if reset:
            home.reset()
        complete = complete_settings(settings, home, port_of(listener))
        run(_serve(complete, listener, environment))


def _with_page(settings: Settings) -> Settings:
    """Before a port is taken: our page will be somewhere on this machine."""
    return settings if settings.public_url else replace(settings, public_url="http://localhost")


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def complete_settings(settings: Settings, home: Home, port: int) -> Settings:
    """What production would have to be given; no hold setting is touched."""
    local = f"http://localhost:{port}"
    return replace(
        settings,
        port=port,
        redis_url=settings.redis_url or home.redis_url(),
        database_url=settings.database_url or home.database_url(),
        secret_key=settings.secret_key or home.secret("secret-key"),
        jwt_secret=settings.jwt_secret or ("" if settings.jwt_jwks_url else home.secret("jwt-secret")),
        vapid_private_key=settings.vapid_private_key or home.secret("vapid-key", new_private_key),
        vapid_subject=settings.vapid_subject or DEMO_SUBJECT,
        payments=settings.payments or "sandbox",
        public_url=settings.public_url or local,
        allowed_origins=(*settings.allowed_origins, local, f"http://127.0.0.1:{port}"),
    )


async def _serve(settings: Settings, listener: socket.socket, environment: Mapping[str, str]) -> None:
    await migrate(settings.database_url)
    seeded = await seed(settings.database_url)
    if seeded.trouble:
        sys.stderr.write(seeded.trouble + "\n")

    def ready() -> None:
        sys.stdout.write(welcome(settings, seeded))
        sys.stdout.flush()
        if may_open_browser(environment):
            threading.Thread(target=webbrowser.open, args=(settings.public_url,), daemon=True).start()

    await serve(settings, listener=listener, ready=ready)


def welcome(settings: Settings, seeded: Seeded) -> str:
    """The page addresses, for the terminal."""
    address = settings.public_url
    return f"""
Holdfast is up. {_who_takes_the_money(settings)}

  everything    {address}/
  the hall      {address}/resources/{seeded.hall}
  wall screen   {address}/kiosk/{seeded.hall}

{sign_in_links(settings)}Open the hall in two windows and take a seat.
Ctrl-C stops it; `make demo ARGS=--reset` starts afresh.
"""


def sign_in_links(settings: Settings) -> str:
    """For the sandbox alone, and where tokens are signed with a secret: a line for each of PEOPLE."""
    if settings.payments != "sandbox" or not settings.jwt_secret:
        return ""
    lines = [
        f"  {what:<13} {sign_in_address(settings, user, name, role)}\n" for what, user, name, role in PEOPLE
    ]
    return (
        "Sign in as somebody who has driveways, or needs one, each in a browser of their own:\n\n"
        + "".join([*lines, "\n"])
    )


def sign_in_address(settings: Settings, user: str, name: str, role: Role, then: str = "/") -> str:
    """Where a browser becomes this user's."""
    token = mint(
        settings.jwt_secret,
        user=user,
        name=name,
        roles=[role],
        now=now_milliseconds(),
        seconds=SIGNED_IN_SECONDS,
    )
    return f"{settings.public_url}/sign-in#token={token}&next={quote(then, safe='')}"


def _who_takes_the_money(settings: Settings) -> str:
    if settings.payments != "stripe":
        return "Payments are a sandbox's: no money moves."
    if settings.stripe_livemode:
        return "Payments are Stripe's, live: real money moves."
    return "Payments are Stripe's in its test mode: no money moves."


def may_open_browser(environment: Mapping[str, str]) -> bool:
    """Whether there is a screen to open one on; a text browser would take this terminal away."""
    if environment.get("NO_BROWSER"):
        return False
    return sys.platform != "linux" or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
