"""Addresses of one server, of a master that Sentinels name, and of a cluster."""

import pytest
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection

from channels.cluster import Nodes
from channels.redis_clients import open_client
from channels.redis_url import SCHEMES, read


def test_one_server_is_read_as_redis_py_reads_it() -> None:
    url = read("redis://me:pass%40word@cache:6380/3")
    assert (url.kind, url.hosts) == ("server", ())
    assert url.options == {
        "username": "me",
        "password": "pass@word",
        "host": "cache",
        "port": 6380,
        "db": 3,
    }
    assert read("rediss://cache").options["connection_class"] is SSLConnection
    assert read("unix:///run/redis.sock").options["connection_class"] is UnixDomainSocketConnection


def test_sentinels_are_listed_and_have_their_own_password() -> None:
    url = read("redis+sentinel://me:secret@a,b:26380,[::1]:26381/tickets/2?sentinel_password=watch")
    assert (url.kind, url.service) == ("sentinel", "tickets")
    assert url.hosts == (("a", 26379), ("b", 26380), ("::1", 26381))
    assert url.options == {"username": "me", "password": "secret", "db": 2}
    assert url.for_sentinels == {"password": "watch"}


def test_nodes_of_a_cluster_are_listed() -> None:
    url = read("redis+cluster://:secret@a:7000,b:7001,c")
    assert (url.kind, url.hosts) == ("cluster", (("a", 7000), ("b", 7001), ("c", 6379)))
    assert url.options == {"password": "secret"}
    assert read("redis+cluster://a:7000/0").hosts == (("a", 7000),)


@pytest.mark.parametrize("kind", ["sentinel", "cluster"])
def test_tls_is_for_all_of_them(kind: str) -> None:
    url = read(f"rediss+{kind}://[::1]:1,b:2/{'tickets' if kind == 'sentinel' else ''}?ssl_cert_reqs=none")
    assert url.options["connection_class"] is SSLConnection
    assert url.options["ssl_cert_reqs"] == "none"
    assert url.hosts == (("::1", 1), ("b", 2))


BAD = [
    ("cache:6379", "starts with one of"),
    ("redis+shards://a", "starts with one of"),
    ("unix+cluster://a", "starts with one of"),
    ("redis://:hunter2@cache:port", "no address of Redis"),
    ("redis+sentinel://:hunter2@a:1", "names no service"),
    ("redis+sentinel://:hunter2@a:1/tickets/two", "a database that is no number"),
    ("redis+sentinel://:hunter2@a:1,/tickets", "a host that is none"),
    ("redis+cluster://:hunter2@a:65536", "a host that is none"),
    ("redis+cluster://:hunter2@a:", "a host that is none"),
    ("redis+cluster://:hunter2@[::1", "a host that is none"),
    ("redis+cluster://:hunter2@[::1]7", "a host that is none"),
    ("redis+cluster://:hunter2@a:1/3", "database 0 alone"),
    ("redis+cluster://:hunter2@a:1?db=3", "database 0 alone"),
    ("redis+cluster://:hunter2@a:1?sentinel_password=hunter2", "options for Sentinels"),
    ("redis+cluster://:hunter2@a:1?socket_timeout=hunter2", "no address of Redis"),
]


@pytest.mark.parametrize(("text", "hint"), BAD)
def test_a_bad_address_is_refused_without_its_secret(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint) as refused:
        read(text)
    assert "hunter2" not in str(refused.value)


def test_every_scheme_can_be_read() -> None:
    for scheme in SCHEMES:
        assert read(f"{scheme}a:1/tickets" if "sentinel" in scheme else f"{scheme}a:1")


async def test_what_an_address_says_of_pools_is_left_to_us() -> None:
    """redis-py takes it, and so addresses have it; our bounds hold all the same."""
    said = "max_connections=50&timeout=9&socket_timeout=9"
    for text in (f"redis://a?{said}", f"redis+sentinel://a/tickets?{said}&sentinel_max_connections=5"):
        pool = open_client(read(text), connections=3).connection_pool
        assert (pool.max_connections, pool.connection_kwargs["socket_timeout"]) == (3, 1.0)
    node = Nodes(read(f"redis+cluster://a?{said}&db=0"), connections=3).client(("a", 6379))
    assert node.connection_pool.max_connections == 3
