"""The address at which anybody may pay a share: whoever has it may see the booking's items and pay. Pure.

The secret stands in the fragment, which browsers send to nobody, and is kept nowhere: it follows from
SECRET_KEY and the share.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PayLinks:
    """`url(share)` for the buyer to hand on, `opens(share, secret)` for whoever comes by it."""

    secret_key: str = field(repr=False)
    public_url: str

    def url(self, share: UUID) -> str:
        """Where the share is paid."""
        return f"{self.public_url}/pay/{share}#{self._secret(share)}"

    def opens(self, share: UUID, secret: str) -> bool:
        """Whether it is the share's secret; takes as long for a wrong one."""
        return hmac.compare_digest(self._secret(share).encode(), secret.encode("utf-8", "replace"))

    def _secret(self, share: UUID) -> str:
        digest = hmac.new(self.secret_key.encode(), f"pay:{share}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
