"""The Host allow-list: with PUBLIC_URL set, nobody reaches us under a foreign name (DNS rebinding)."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.types import Scope

from server.settings import Settings

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_.-]{1,253})(:[0-9]{1,5})?")
PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked by machines next door, by address."""
WEBHOOK: Final = "/api/payments/webhook"
"""Where the payment provider's events come, signed, in bursts and from few addresses."""


def host_of(origin: str) -> str:
    """The Host header that a browser sends to an origin or URL: lower case, without a default port."""
    parts = urlsplit(origin)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    name = (parts.hostname or "").lower()
    name = f"[{name}]" if ":" in name else name
    return name if parts.port in {None, default} else f"{name}:{parts.port}"


class Hosts:
    """Whose requests and handshakes are for us: those with a foreign, missing or second Host are not."""

    def __init__(self, settings: Settings) -> None:
        self._hosts = {host_of(origin) for origin in settings.origins} if settings.public_url else set()

    def knows(self, scope: Scope) -> bool:
        """Whether the request is for us."""
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        return self.knows_only(hosts) or (len(hosts) == 1 and scope["path"] in PROBES)

    def knows_only(self, hosts: Sequence[str]) -> bool:
        """Whether all Host headers of a request are one, and that one is ours."""
        if len(hosts) != 1:
            return False
        return not self._hosts or plain_host(hosts[0]) in self._hosts


def plain_host(host: str) -> str | None:
    """A Host header in lower case and without a default port; None if it is more than a name and a port."""
    if not _HOST.fullmatch(host):
        return None
    return host.lower().removesuffix(":80").removesuffix(":443")
