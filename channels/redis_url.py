"""Where Redis is: one server, a master that Sentinels name, or a cluster, by the scheme of one address.

`redis://`, `rediss://` (TLS) and `unix://` as redis-py reads them, and of several servers

    redis+sentinel://user:password@host:port,host:port/service/database?sentinel_password=…
    redis+cluster://user:password@host:port,host:port

`rediss+…` is TLS to all of them. What is refused is told without the address, which has the password in it.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from redis.asyncio.connection import parse_url

Kind = Literal["server", "sentinel", "cluster"]

SCHEMES = (
    "redis://",
    "rediss://",
    "unix://",
    "redis+sentinel://",
    "rediss+sentinel://",
    "redis+cluster://",
    "rediss+cluster://",
)
_KINDS: dict[str, Kind] = {"sentinel": "sentinel", "cluster": "cluster"}
_PORTS: dict[Kind, int] = {"server": 6379, "sentinel": 26379, "cluster": 6379}
_OF_SENTINELS = "sentinel_"
_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\[\]:\s]+))(?::(?P<port>[0-9]{1,5}))?")

Host = tuple[str, int]


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """One address taken apart. `options` are redis-py's for a connection, `for_sentinels` theirs."""

    kind: Kind
    hosts: tuple[Host, ...]
    options: dict[str, Any]
    service: str = ""
    for_sentinels: dict[str, Any] | None = None


def read(text: str) -> RedisUrl:
    """Take an address apart; ValueError says what is wrong with it, and nothing of what is in it."""
    scheme, _, rest = text.partition("://")
    base, _, suffix = scheme.lower().partition("+")
    if f"{scheme.lower()}://" not in SCHEMES:
        raise ValueError(f"starts with one of {', '.join(SCHEMES)}")
    kind = _KINDS.get(suffix, "server")
    authority, _, tail = rest.partition("/")
    if "?" in authority:
        authority, _, query = authority.partition("?")
        path = ""
    else:
        path, _, query = tail.partition("?")
    if kind == "server":
        return RedisUrl(kind, (), _options(text))
    credentials, at, hosts = authority.rpartition("@")
    found = tuple(_host(each, _PORTS[kind]) for each in hosts.split(","))
    service, _, database = path.strip("/").partition("/")
    if kind == "cluster" and path.strip("/") not in {"", "0"}:
        raise ValueError("names a path or a database; a cluster has database 0 alone")
    if kind == "sentinel" and not service:
        raise ValueError("names no service; one looks like redis+sentinel://host:26379,host:26379/mymaster")
    if database and not (database.isascii() and database.isdigit()):
        raise ValueError("has a database that is no number")
    host, port = found[0]
    shown = f"[{host}]" if ":" in host else host
    options = _options(
        f"{base}://{credentials}{at}{shown}:{port}/{database if kind == 'sentinel' else ''}?{query}"
    )
    theirs = {
        name.removeprefix(_OF_SENTINELS): options.pop(name)
        for name in list(options)
        if name.startswith(_OF_SENTINELS)
    }
    if kind == "cluster" and theirs:
        raise ValueError("has options for Sentinels; a cluster has none")
    if kind == "cluster" and options.pop("db", 0) != 0:
        raise ValueError("names a database; a cluster has database 0 alone")
    del options["host"], options["port"]
    return RedisUrl(kind, found, options, unquote(service) if kind == "sentinel" else "", theirs)


def _options(url: str) -> dict[str, Any]:
    try:
        return dict(parse_url(url))
    except ValueError as error:
        # A port that is none is told of with the text around it, which may be a part of a password.
        raise ValueError("is no address of Redis; one looks like redis://host:6379/0") from error


def _host(text: str, port: int) -> Host:
    """`host`, `host:port` or `[IPv6]:port`."""
    found = _HOST.fullmatch(text)
    given = int(found["port"] or port) if found else 0
    if found is None or not 0 < given < 65536:
        raise ValueError("has a host that is none; several are written host:port,host:port")
    return found["host"] or found["address"], given
