"""An identity provider on this machine: a real server that publishes keys, rotates them and misbehaves."""

import asyncio
import ssl
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import jwt
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def text_of(number: int) -> str:
    length = (number.bit_length() + 7) // 8 or 1
    return urlsafe_b64encode(number.to_bytes(length)).rstrip(b"=").decode()


def jwk_of(key: PrivateKey, kid: str | None, **more: Any) -> dict[str, Any]:
    """The key as a provider publishes it."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        found: dict[str, Any] = {"kty": "RSA", "n": text_of(numbers.n), "e": text_of(numbers.e)}
    else:
        point = key.public_key().public_numbers()
        found = {"kty": "EC", "crv": "P-256", "x": text_of(point.x), "y": text_of(point.y)}
    return {**found, **({} if kid is None else {"kid": kid}), "use": "sig", **more}


class Provider:
    """Publishes `keys` at `url`; counts who asks. `answer` replaces what it says."""

    def __init__(self) -> None:
        self.keys: dict[str, PrivateKey] = {}
        self.asked = 0
        self.url = ""
        self.answer: Callable[[], bytes] = self._published
        self.gate = asyncio.Event()
        self.gate.set()

    def issues(self, kid: str, key: PrivateKey | None = None) -> None:
        """One more key, on the curve P-256 unless it is given."""
        self.keys[kid] = key or ec.generate_private_key(ec.SECP256R1())

    def sign(self, claims: dict[str, Any], kid: str, **header: Any) -> str:
        key = self.keys[kid]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid, **header})

    def _published(self) -> bytes:
        return response(msgspec.json.encode({"keys": [jwk_of(key, kid) for kid, key in self.keys.items()]}))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        await self.gate.wait()
        try:
            writer.write(self.answer())
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def open_provider(context: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[Provider]:
    provider = Provider()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", port, ssl=context)
    scheme = "http" if context is None else "https"
    provider.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks.json"
    try:
        yield provider
    finally:
        provider.gate.set()
        server.close()
        await server.wait_closed()


def certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for 127.0.0.1, and a client's that trusts it and nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    public, private = folder / "provider.pem", folder / "provider.key"
    public.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(public, private)
    return server, ssl.create_default_context(cafile=str(public))
