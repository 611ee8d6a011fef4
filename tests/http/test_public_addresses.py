"""Row 105 of the bad inputs: what a user's URL may name."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.http.public_addresses import URL_LENGTH, AddressRefused, is_public, literal, may_call, read_url

NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:93.184.215.14",
    "64:ff9b::7f00:1",
    "64:ff9b::5db8:d70e",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_an_address_of_somebody_is_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_only_this_machine_is_let_in_for_development() -> None:
    let_in = {each for each in NOT_PUBLIC if may_call(ip_address(each), loopback=True)}
    assert let_in == {"127.0.0.1", "127.255.255.254", "::1"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example/in",
        "//hooks.example/in",
        "http://hooks.example/in",
        "ftp://hooks.example/in",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "javascript:alert(1)",
        "unix:/run/docker.sock",
        "https://",
        "https:///in",
        "https://.example./",
        "https://localhost/in",
        "https://localhost./in",
        "https://metadata/computeMetadata/v1/",
        "https://127.0.0.1/in",
        "https://127.1/in",
        "https://2130706433/in",
        "https://0x7f000001/in",
        "https://0x7f.0.0.1/in",
        "https://0177.0.0.1/in",
        "https://017700000001/in",
        "https://127.0.0.1./in",
        "https://93.184.215.014/in",
        "https://1/in",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/in",
        "https://[::ffff:127.0.0.1]/in",
        "https://[::ffff:7f00:1]/in",
        "https://[64:ff9b::7f00:1]/in",
        "https://[2002:7f00:1::]/in",
        "https://[fe80::1%25eth0]/in",
        "https://[::]/in",
        "https://0/in",
        "https://①②⑦.⓪.⓪.①/in",
        "https://ann:secret@hooks.example/in",
        "https://hooks.example@127.0.0.1/in",
        "https://127.0.0.1\\@hooks.example/in",
        "https://hooks.example/in#there",
        "https://hooks.example:0/in",
        "https://hooks.example:22/in",
        "https://hooks.example:65536/in",
        "https://hooks.example:x/in",
        "https://hooks.example/in\r\nX-Evil: 1",
        "https://hooks.example/i n",
        "https://hooks.example/" + "x" * URL_LENGTH,
        "https://" + "x" * 250 + ".example/",
    ],
)
def test_a_url_that_is_no_plain_public_one_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        read_url(url)


@pytest.mark.parametrize(
    ("url", "host", "authority", "path"),
    [
        ("https://hooks.example/in?a=1", "hooks.example", "hooks.example", b"/in?a=1"),
        ("https://HOOKS.Example.", "hooks.example", "hooks.example", b"/"),
        ("https://hooks.example:8443/in", "hooks.example", "hooks.example:8443", b"/in"),
        ("https://bücher.example/", "xn--bcher-kva.example", "xn--bcher-kva.example", b"/"),
        ("https://93.184.215.14/", "93.184.215.14", "93.184.215.14", b"/"),
        ("https://[2606:4700::1111]:8443/", "2606:4700::1111", "[2606:4700::1111]:8443", b"/"),
    ],
)
def test_a_public_url_is_taken_apart_once(url: str, host: str, authority: str, path: bytes) -> None:
    target = read_url(url)
    assert (target.host, target.authority, target.path) == (host, authority, path)


@given(
    st.one_of(
        st.text(max_size=80),
        st.text(max_size=60).map("https://{}".format),
        st.text(alphabet="htps:/@[]0123456789abcdefx.%#?\\ ", max_size=60).map("https://{}".format),
    )
)
def test_whatever_is_given_is_a_plain_target_or_is_refused(url: str) -> None:
    try:
        target = read_url(url)
    except AddressRefused:
        return
    assert target.scheme == "https"
    assert target.host.isascii()
    assert target.path.startswith(b"/")
    address = literal(target.host)
    assert address is None or is_public(address)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/in", "http://localhost:80/", "https://[::1]:9/"])
def test_development_may_name_its_own_machine(url: str) -> None:
    read_url(url, loopback=True)
    with pytest.raises(AddressRefused):
        read_url(url)


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "https://169.254.169.254/", "http://2130706433/"])
def test_development_may_name_no_neighbour_either(url: str) -> None:
    with pytest.raises(AddressRefused):
        read_url(url, loopback=True)
