"""What the browser may do on the pages that show a provider's card form: Stripe's origins and nothing more.

After https://docs.stripe.com/security/guide#content-security-policy. Stripe forbids to serve its script
oneself, and names it by its release (https://docs.stripe.com/sdks/stripejs-versioning); ours is the release
of the API version that the server speaks.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from server.settings import Settings

STRIPE_JS: Final = "https://js.stripe.com/endive/stripe.js"


@dataclass(frozen=True, slots=True)
class PaymentPolicy:
    """The origins of the card form, each directive's as one text."""

    scripts: str
    frames: str
    connections: str
    images: str

    def content_security_policy(self, host: str) -> str:
        """As every page's, opened for the card form; by style attributes Stripe.js places its frames."""
        sockets = f" ws://{host} wss://{host}" if host else ""
        return (
            f"default-src 'self'; script-src 'self' {self.scripts}; frame-src {self.frames}; "
            f"connect-src 'self'{sockets} {self.connections}; "
            f"img-src 'self' data: {self.images}; "
            "style-src 'self'; style-src-attr 'unsafe-inline'; "
            "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )

    def headers(self, host: str) -> dict[str, str]:
        """Wallets and bank pages open windows that must be able to answer."""
        return {
            "Content-Security-Policy": self.content_security_policy(host),
            "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
        }


_STRIPE: Final = PaymentPolicy(
    scripts="https://js.stripe.com https://*.js.stripe.com",
    frames=(
        "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com "
        "https://link.com https://*.link.com"
    ),
    connections="https://api.stripe.com https://link.com https://*.link.com",
    images="https://*.stripe.com https://*.link.com",
)


def payment_policy(settings: Settings) -> PaymentPolicy | None:
    """Stripe's, or that of the stand-in which the settings name; None where no page takes cards."""
    if not settings.serves_payment_page:
        return None
    if not settings.stripe_js_url:
        return _STRIPE
    script = _origin(settings.stripe_js_url)
    both = " ".join(dict.fromkeys((script, _origin(settings.stripe_api_base or settings.stripe_js_url))))
    return PaymentPolicy(scripts=script, frames=both, connections=both, images=script)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
