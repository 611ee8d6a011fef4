"""What was said on the wire, held against the installed library; violations are kept for the test's end."""

import re
from dataclasses import dataclass, field
from typing import Any, Final

import stripe

from tests.fake_stripe.contract.routes import routes
from tests.fake_stripe.contract.shape import Shapes
from tests.fake_stripe.core.account import API_VERSION

FORM: Final = Shapes(form=True)
JSON: Final = Shapes(form=False)
OBJECTS: Final[dict[str, type]] = {
    "payment_intent": stripe.PaymentIntent,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "checkout.session": stripe.checkout.Session,
}
_UUID4: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass
class Contract:
    """`violations` is empty as long as both sides keep to it; `enabled = False` for storms."""

    violations: list[str] = field(default_factory=list)
    enabled: bool = True

    def request(self, call: str, params: dict[str, Any]) -> list[str]:
        """A call of a server's: what is wrong with its parameters, as Stripe would find it too."""
        if not self.enabled:
            return []
        route = routes()[call]
        found = list(FORM.problems(params, route.params, route.module, call))
        self.violations += found
        return found

    def headers(self, call: str, version: str | None, key: str | None) -> None:
        """What Stripe takes and we must not send: another version, a key that is new with every try."""
        if version != API_VERSION:
            self.violations.append(f"{call}: version {version} instead of {API_VERSION}")
        if key is not None and _UUID4.fullmatch(key):
            self.violations.append(f"{call}: the library's own random key instead of ours")

    def unknown(self, method: str, path: str) -> None:
        """A call that is not served here."""
        self.violations.append(f"{method} {path}: no such call")

    def broken(self, traceback: str) -> None:
        """A mistake of the fake's own."""
        self.violations.append(traceback)

    def reply(self, call: str, body: dict[str, Any]) -> None:
        """What was answered with 200."""
        if self.enabled:
            route = routes()[call]
            self.violations += JSON.problems(body, route.reply, route.module, f"{call} →")

    def event(self, event: dict[str, Any]) -> None:
        """What webhooks are told."""
        if self.enabled:
            thing = event["data"]["object"]
            self.violations += JSON.problems(event, stripe.Event, "stripe._event", event["type"])
            kind = OBJECTS[thing["object"]]
            self.violations += JSON.problems(thing, kind, kind.__module__, f"{event['type']}.data.object")
