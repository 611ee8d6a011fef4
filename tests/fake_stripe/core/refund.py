"""A Refund: money on its way back. It may take days and it may fail."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal


@dataclass
class Refund:
    """`release` marks those that Stripe makes itself when an authorisation is let go: no money was taken."""

    OBJECT: ClassVar[str] = "refund"

    id: str
    intent: str
    charge: str
    amount: int
    currency: str
    created: int
    way: str
    status: Literal["pending", "requires_action", "succeeded", "failed", "canceled"] = "succeeded"
    reason: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    failure_reason: str | None = None
    release: bool = False

    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": None,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "destination_details": {"type": self.way},
            "metadata": dict(self.metadata),
            "payment_intent": self.intent,
            "reason": self.reason,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": self.status,
            "transfer_reversal": None,
        }
        if self.way == "card":
            kind = "reversal" if self.release else "refund"
            body["destination_details"]["card"] = {"type": kind, "reference_status": "pending"}
        if self.status == "pending":
            body["pending_reason"] = "processing"
        if self.failure_reason:
            body["failure_reason"] = self.failure_reason
            body["failure_balance_transaction"] = None
        return body
