"""A PaymentIntent: one amount that a buyer is to pay, through as many tries as it takes."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

from tests.fake_stripe.core.method import WAYS, PaymentMethod

Status = Literal[
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "processing",
    "requires_capture",
    "succeeded",
    "canceled",
]

# From where to where. What is not here is refused with `payment_intent_unexpected_state`.
_CONFIRMED: Final[frozenset[Status]] = frozenset(
    ["requires_payment_method", "requires_action", "processing", "requires_capture", "succeeded", "canceled"]
)
MOVES: Final[dict[Status, frozenset[Status]]] = {
    "requires_payment_method": _CONFIRMED,
    "requires_confirmation": _CONFIRMED,
    "requires_action": _CONFIRMED,
    "processing": frozenset(["requires_payment_method", "succeeded"]),
    "requires_capture": frozenset(["succeeded", "canceled"]),
    "succeeded": frozenset(),
    "canceled": frozenset(),
}

# What a page with a publishable key and the client secret is shown.
_PUBLIC: Final = """
    id object amount automatic_payment_methods canceled_at cancellation_reason capture_method client_secret
    confirmation_method created currency description last_payment_error livemode next_action payment_method
    payment_method_types processing receipt_email setup_future_usage shipping source status
"""
PUBLIC: Final = frozenset(_PUBLIC.split())


@dataclass
class Intent:
    """Amounts are integers in Stripe's minor units; times are seconds."""

    OBJECT: ClassVar[str] = "payment_intent"

    id: str
    amount: int
    currency: str
    created: int
    client_secret: str
    methods: tuple[str, ...]
    automatic: dict[str, Any] | None
    capture_method: str = "automatic_async"
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    description: str | None = None
    receipt_email: str | None = None
    statement_descriptor: str | None = None
    statement_descriptor_suffix: str | None = None
    session: str | None = None
    livemode: bool = False
    status: Status = "requires_payment_method"
    capturable: int = 0
    received: int = 0
    latest_charge: str | None = None
    last_error: dict[str, Any] | None = None
    next_action: dict[str, Any] | None = None
    method: PaymentMethod | None = None
    canceled_at: int | None = None
    cancellation_reason: str | None = None

    def goes(self, status: Status) -> None:
        """Change the status along MOVES; another way is a mistake of the fake."""
        if status != self.status and status not in MOVES[self.status]:
            raise AssertionError(f"{self.id}: {self.status} → {status}")
        self.status = status

    def is_manual(self, way: str) -> bool:
        """Whether paying this way only authorises: said for the way itself, or else for all."""
        mine = self.options.get(way, {}).get("capture_method")
        return WAYS[way].manual and (mine or self.capture_method) == "manual"

    def json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": self.capturable,
            "amount_details": {"tip": {}},
            "amount_received": self.received,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": self.automatic,
            "canceled_at": self.canceled_at,
            "cancellation_reason": self.cancellation_reason,
            "capture_method": self.capture_method,
            "client_secret": self.client_secret,
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": None,
            "customer_account": None,
            "description": self.description,
            "excluded_payment_method_types": None,
            "last_payment_error": self.last_error,
            "latest_charge": self.latest_charge,
            "livemode": self.livemode,
            "metadata": dict(self.metadata),
            "next_action": self.next_action,
            "on_behalf_of": None,
            "payment_method": self.method.id if self.method else None,
            "payment_method_configuration_details": None,
            "payment_method_options": self._options(),
            "payment_method_types": list(self.methods),
            "processing": None,
            "receipt_email": self.receipt_email,
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "source": None,
            "statement_descriptor": self.statement_descriptor,
            "statement_descriptor_suffix": self.statement_descriptor_suffix,
            "status": self.status,
            "transfer_data": None,
            "transfer_group": None,
        }

    def public(self) -> dict[str, Any]:
        """What the buyer's page may know."""
        return {name: value for name, value in self.json().items() if name in PUBLIC}

    def _options(self) -> dict[str, Any]:
        shown = {way: dict(self.options.get(way, {})) for way in self.methods}
        if "card" in shown:
            defaults = {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
            shown["card"] = {**defaults, **shown["card"]}
        return shown
