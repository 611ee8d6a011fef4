"""What buyers' banks do with charges, and the calls about it."""

from typing import Any

from tests.fake_stripe.core.account import Account
from tests.fake_stripe.core.charge import Charge
from tests.fake_stripe.core.dispute import Dispute
from tests.fake_stripe.core.form import Params, truth
from tests.fake_stripe.core.refusal import Refused


def of(account: Account, charge: Charge) -> list[Dispute]:
    return [dispute for dispute in account.all(Dispute) if dispute.charge == charge.id]


def maybe(account: Account, charge: Charge) -> None:
    """Some test cards' holders dispute at once."""
    card = charge.method.card
    if charge.captured and card is not None and card.dispute:
        open_one(account, charge, reason=card.dispute, inquiry=card.inquiry)


def open_one(
    account: Account,
    charge: Charge,
    *,
    amount: int | None = None,
    reason: str = "fraudulent",
    inquiry: bool = False,
) -> Dispute:
    """The bank disputes what is left of the charge, or `amount`; unless it only asks, it takes it now."""
    if not charge.captured:
        raise Refused("Only what was taken can be disputed.")
    left = _left(account, charge)
    wanted = left if amount is None else amount
    if not 0 < wanted <= left or any(dispute.is_open for dispute in of(account, charge)):
        raise Refused("It is disputed already, or nothing is left of it.")
    dispute = account.keep(
        Dispute(
            id=account.new_id("dp"),
            intent=charge.intent,
            charge=charge.id,
            brand=charge.method.card.brand if charge.method.card else None,
            amount=wanted,
            currency=charge.currency,
            created=account.now,
            reason=reason,
            status="warning_needs_response" if inquiry else "needs_response",
            livemode=account.livemode,
        )
    )
    charge.disputed = True
    if not inquiry:
        _money(account, dispute, -dispute.amount)
    account.emit("charge.dispute.created", dispute)
    if not inquiry:
        account.emit("charge.dispute.funds_withdrawn", dispute)
    account.emit("charge.updated", charge, {"disputed": False})
    return dispute


def update(account: Account, dispute_id: str, params: Params) -> Dispute:
    """POST /v1/disputes/{dispute}: evidence; the bank reviews it once it is submitted (the default)."""
    dispute = _open(account, dispute_id)
    evidence = params.get("evidence", {})
    dispute.evidence.update({name: value for name, value in evidence.items() if isinstance(value, str)})
    before = dispute.status
    if evidence and truth(params.get("submit", True)):
        dispute.submissions += 1
        dispute.status = "warning_under_review" if dispute.is_inquiry else "under_review"
    account.emit("charge.dispute.updated", dispute, {"status": before})
    return dispute


def close(account: Account, dispute_id: str) -> Dispute:
    """POST /v1/disputes/{dispute}/close: accept it, which is to lose it."""
    return decide(account, dispute_id, won=False)


def decide(account: Account, dispute_id: str, *, won: bool) -> Dispute:
    """The bank's decision; an inquiry just ends when it is `won`."""
    dispute = _open(account, dispute_id)
    if dispute.is_inquiry and not won:
        dispute.status = "needs_response"  # it became a real one on the way
        dispute.amount = min(dispute.amount, _left(account, account.get(Charge, dispute.charge)))
        _money(account, dispute, -dispute.amount)
        account.emit("charge.dispute.funds_withdrawn", dispute)
    if dispute.is_inquiry:
        dispute.status = "warning_closed"
    else:
        dispute.status = "won" if won else "lost"
    account.emit("charge.dispute.closed", dispute)
    if dispute.status == "won":
        _money(account, dispute, dispute.amount)
        account.emit("charge.dispute.funds_reinstated", dispute)
    return dispute


def _left(account: Account, charge: Charge) -> int:
    """What neither the buyer nor the bank has back."""
    gone = (dispute.amount for dispute in of(account, charge) if not dispute.is_refundable)
    return charge.refundable - sum(gone)


def _open(account: Account, dispute_id: str) -> Dispute:
    dispute = account.get(Dispute, dispute_id, "dispute")
    if not dispute.is_open:
        raise Refused("This dispute is already closed.")
    return dispute


def _money(account: Account, dispute: Dispute, amount: int) -> None:
    account.move(dispute.intent, "withdrawn" if amount < 0 else "reinstated", abs(amount), dispute.id)
    dispute.transactions.append(_transaction(account, dispute, amount))


def _transaction(account: Account, dispute: Dispute, amount: int) -> dict[str, Any]:
    return {
        "id": account.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": account.now,
        "balance_type": "payments",
        "created": account.now,
        "currency": dispute.currency,
        "description": f"Chargeback for {dispute.charge}",
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "net": amount,
        "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
        "source": dispute.id,
        "status": "available",
        "type": "adjustment",
    }
