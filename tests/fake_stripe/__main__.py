"""`python -m tests.fake_stripe`: a Stripe to develop against, by hand. See docs/fake-stripe.md."""

import argparse
import asyncio
import sys

from tests.fake_stripe.fake import FakeStripe

DEFAULT_PORT = 12111  # as stripe-mock


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fake_stripe", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="on loopback")
    parser.add_argument("--webhook", action="append", default=[], metavar="URL", help="where events go")
    parser.add_argument("--webhook-secret", default="whsec_test_of_the_fake")
    return parser.parse_args()


async def run(options: argparse.Namespace) -> None:
    """Serve until it is interrupted."""
    async with FakeStripe.serving(port=options.port, webhook_secret=options.webhook_secret) as stripe:
        for url in options.webhook:
            stripe.deliveries.to(url)
        sys.stdout.write(settings_of(stripe))
        sys.stdout.flush()
        await asyncio.Event().wait()


def settings_of(stripe: FakeStripe) -> str:
    """What Holdfast is started with to use it."""
    settings = {
        "PAYMENTS": "stripe",
        "STRIPE_API_BASE": stripe.base_url,
        "STRIPE_JS_URL": stripe.js_url,
        "STRIPE_SECRET_KEY": stripe.secret_key,
        "STRIPE_PUBLISHABLE_KEY": stripe.publishable_key,
        "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


if __name__ == "__main__":
    try:
        asyncio.run(run(arguments()))
    except KeyboardInterrupt:
        sys.exit(0)
