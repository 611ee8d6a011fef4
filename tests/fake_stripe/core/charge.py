"""A Charge: one try to take an intent's money. An authorisation is a charge that is not captured."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from tests.fake_stripe.core.card import Card, Decline
from tests.fake_stripe.core.method import PaymentMethod


@dataclass
class Charge:
    """`refunded` was taken and is on its way back; `released` was only authorised and let go.

    Stripe shows the sum of both as `amount_refunded`.
    """

    OBJECT: ClassVar[str] = "charge"

    id: str
    intent: str
    amount: int
    currency: str
    created: int
    method: PaymentMethod
    metadata: dict[str, str]
    description: str | None
    status: Literal["succeeded", "pending", "failed"]
    captured: bool = False
    amount_captured: int = 0
    refunded: int = 0
    released: int = 0
    capture_before: int | None = None
    authenticated: bool = False
    disputed: bool = False
    decline: Decline | None = None
    receipt_email: str | None = None
    livemode: bool = False

    @property
    def refundable(self) -> int:
        """What is left of what was taken."""
        return self.amount_captured - self.refunded

    @property
    def amount_refunded(self) -> int:
        return self.refunded + self.released

    def json(self) -> dict[str, Any]:
        decline = self.decline
        return {
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.amount_captured,
            "amount_refunded": self.amount_refunded,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": {
                "address": None,
                "email": self.receipt_email,
                "name": None,
                "phone": None,
                "tax_id": None,
            },
            "calculated_statement_descriptor": None,
            "captured": self.captured,
            "created": self.created,
            "currency": self.currency,
            "customer": None,
            "description": self.description,
            "disputed": self.disputed,
            "failure_balance_transaction": None,
            "failure_code": decline.code if decline else None,
            "failure_message": decline.message if decline else None,
            "fraud_details": {},
            "livemode": self.livemode,
            "metadata": dict(self.metadata),
            "on_behalf_of": None,
            "outcome": self._outcome(),
            "paid": self.status == "succeeded",
            "payment_intent": self.intent,
            "payment_method": self.method.id,
            "payment_method_details": self._details(),
            "radar_options": {},
            "receipt_email": self.receipt_email,
            "receipt_number": None,
            "receipt_url": None,
            "refunded": self.amount_refunded == self.amount and self.status == "succeeded",
            "review": None,
            "shipping": None,
            "source": None,
            "source_transfer": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": self.status,
            "transfer_data": None,
            "transfer_group": None,
        }

    def _outcome(self) -> dict[str, Any] | None:
        if self.status == "pending":
            return None
        bank = self.decline.decline_code if self.decline else None
        return {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "declined_by_network" if self.decline else "approved_by_network",
            "reason": bank,
            "risk_level": "normal",
            "seller_message": "Payment complete." if self.decline is None else "The bank declined.",
            "type": "issuer_declined" if self.decline else "authorized",
        }

    def _details(self) -> dict[str, Any]:
        name = self.method.way.name
        card = self.method.card
        return {"type": name, name: self._card(card) if card else {}}

    def _card(self, card: Card) -> dict[str, Any]:
        secure = {
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": "05",
            "exemption_indicator": None,
            "result": "authenticated",
            "result_reason": None,
            "transaction_id": None,
            "version": "2.2.0",
        }
        return {
            "amount_authorized": self.amount,
            "authorization_code": None,
            "brand": card.brand,
            "capture_before": None if self.captured else self.capture_before,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "pass",
            },
            "country": "US",
            "exp_month": 12,
            "exp_year": 2039,
            "extended_authorization": {"status": "disabled"},
            "fingerprint": None,
            "funding": "credit",
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": card.last4,
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card.brand,
            "network_token": {"used": False},
            "network_transaction_id": None,
            "overcapture": {"maximum_amount_capturable": self.amount, "status": "unavailable"},
            "regulated_status": "unregulated",
            "three_d_secure": secure if self.authenticated else None,
            "wallet": None,
        }
