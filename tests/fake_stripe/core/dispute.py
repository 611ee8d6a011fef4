"""A Dispute: the buyer's bank takes the money back and asks questions later."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

Status = Literal[
    "needs_response",
    "under_review",
    "won",
    "lost",
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
]

OPEN: Final = frozenset(["needs_response", "under_review", "warning_needs_response", "warning_under_review"])
ANSWER_SECONDS: Final = 9 * 24 * 3600


@dataclass
class Dispute:
    """Statuses that begin with `warning_` are inquiries: no money has moved."""

    OBJECT: ClassVar[str] = "dispute"

    id: str
    intent: str
    charge: str
    brand: str | None
    amount: int
    currency: str
    created: int
    reason: str
    status: Status
    evidence: dict[str, Any] = field(default_factory=dict)
    submissions: int = 0
    transactions: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    livemode: bool = False

    @property
    def is_inquiry(self) -> bool:
        return self.status.startswith("warning_")

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_refundable(self) -> bool:
        """An inquiry is settled best by a refund; a refund beside a dispute would pay twice."""
        return self.is_inquiry or self.status == "won"

    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": [dict(item) for item in self.transactions],
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "enhanced_eligibility_types": [],
            "evidence": {"enhanced_evidence": {}, **self.evidence},
            "evidence_details": {
                "due_by": self.created + ANSWER_SECONDS if self.is_open else None,
                "enhanced_eligibility": {},
                "has_evidence": bool(self.evidence),
                "past_due": False,
                "submission_count": self.submissions,
                "submission_method": "manual" if self.submissions else "not_submitted",
            },
            "is_charge_refundable": self.is_refundable and self.is_open,
            "livemode": self.livemode,
            "metadata": dict(self.metadata),
            "payment_intent": self.intent,
            "reason": self.reason,
            "status": self.status,
        }
        if self.brand:
            card = {
                "brand": self.brand,
                "network": self.brand,
                "case_type": "inquiry" if self.is_inquiry else "chargeback",
                "network_reason_code": None,
            }
            body["payment_method_details"] = {"type": "card", "card": card}
        return body
