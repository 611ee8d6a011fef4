"""What every request and handshake passes on its way in, outermost first."""

from starlette.middleware import Middleware

from server.http.access_log import AccessLog
from server.http.address_limit import AddressLimit
from server.http.cors import Cors
from server.http.hosts import Hosts
from server.http.security_headers import SecurityHeaders
from server.settings import Settings


def middleware(settings: Settings) -> list[Middleware]:
    """For Starlette's `middleware=`; AddressLimit asks `app.state.parts.limits`."""
    return [
        Middleware(AccessLog),
        Middleware(SecurityHeaders, settings),
        Middleware(Hosts, settings),
        Middleware(Cors, settings),
        Middleware(AddressLimit),
    ]
