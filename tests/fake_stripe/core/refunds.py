"""The calls about refunds, and what banks make of them."""

from tests.fake_stripe.core import amount as amounts
from tests.fake_stripe.core import disputes
from tests.fake_stripe.core.account import Account
from tests.fake_stripe.core.charge import Charge
from tests.fake_stripe.core.form import Params
from tests.fake_stripe.core.intent import Intent
from tests.fake_stripe.core.intents import merge_metadata
from tests.fake_stripe.core.refund import Refund
from tests.fake_stripe.core.refusal import Refused


def create(account: Account, params: Params) -> Refund:
    """POST /v1/refunds: part or all of what is left of a charge."""
    charge = _charge(account, params)
    _can_refund(account, charge)
    amount = amounts.whole(params.get("amount", charge.refundable), "amount")
    if amount < 1:
        raise Refused("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > charge.refundable:
        raise Refused(
            f"Refund amount ({amount} {charge.currency}) is greater than unrefunded amount on charge "
            f"({charge.refundable} {charge.currency})",
            param="amount",
        )
    return give_back(account, charge, amount, params.get("reason"), dict(params.get("metadata") or {}))


def give_back(
    account: Account, charge: Charge, amount: int, reason: str | None, metadata: dict[str, str]
) -> Refund:
    card = charge.method.card
    later = card.refund == "succeeds_later" if card else charge.method.way.outcome == "after_days"
    refund = account.keep(
        Refund(
            id=account.new_id("re"),
            intent=charge.intent,
            charge=charge.id,
            amount=amount,
            currency=charge.currency,
            created=account.now,
            way=charge.method.way.name,
            status="pending" if later else "succeeded",
            reason=reason,
            metadata=metadata,
        )
    )
    charge.refunded += amount
    account.move(charge.intent, "refunded", amount, refund.id)
    account.emit("refund.created", refund)
    account.emit("charge.refunded", charge)
    return refund


def update(account: Account, refund_id: str, params: Params) -> Refund:
    """POST /v1/refunds/{refund}: its metadata."""
    refund = account.get(Refund, refund_id, "refund")
    merge_metadata(refund.metadata, params)
    account.emit("refund.updated", refund)
    return refund


def cancel(account: Account, refund_id: str) -> Refund:
    """POST /v1/refunds/{refund}/cancel: only what waits for the buyer can be cancelled."""
    refund = account.get(Refund, refund_id, "refund")
    if refund.status != "requires_action":
        raise Refused(f"You cannot cancel this refund because it has a status of {refund.status}.")
    _undo(account, refund, "canceled")
    account.emit("refund.updated", refund)
    return refund


def succeed(account: Account, refund_id: str) -> Refund:
    """The bank has paid it out."""
    refund = account.get(Refund, refund_id)
    refund.status = "succeeded"
    _tell(account, refund)
    return refund


def fail(account: Account, refund_id: str, reason: str = "lost_or_stolen_card") -> Refund:
    """The bank sent it back, days later perhaps: the seller has the money again, the buyer has not."""
    refund = account.get(Refund, refund_id)
    refund.failure_reason = reason
    _undo(account, refund, "failed")
    _tell(account, refund)
    account.emit("refund.failed", refund)
    return refund


def _undo(account: Account, refund: Refund, status: str) -> None:
    refund.status = "failed" if status == "failed" else "canceled"
    account.get(Charge, refund.charge).refunded -= refund.amount
    account.move(refund.intent, "refund_failed", refund.amount, refund.id)


def _tell(account: Account, refund: Refund) -> None:
    account.emit("refund.updated", refund)
    account.emit("charge.refund.updated", refund)


def _charge(account: Account, params: Params) -> Charge:
    if "charge" in params:
        return account.get(Charge, str(params["charge"]), "charge")
    if "payment_intent" not in params:
        raise Refused("One of the following params should be provided: payment_intent or charge.")
    intent = account.get(Intent, str(params["payment_intent"]), "payment_intent")
    if intent.status != "succeeded" or intent.latest_charge is None:
        raise Refused(
            f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.",
            param="payment_intent",
        )
    return account.get(Charge, intent.latest_charge)


def _can_refund(account: Account, charge: Charge) -> None:
    if not charge.captured:
        raise Refused(f"Charge {charge.id} has not been captured.", param="charge")
    if any(not dispute.is_refundable for dispute in disputes.of(account, charge)):
        raise Refused(
            f"Charge {charge.id} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    if charge.refundable == 0:
        raise Refused(f"Charge {charge.id} has already been refunded.", code="charge_already_refunded")
