"""What people and banks do to payments behind the seller's back: refunds by hand, disputes, late failures."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from tests.fake_stripe.core import disputes, intents, refunds, releases
from tests.fake_stripe.core.charge import Charge
from tests.fake_stripe.core.intent import Intent
from tests.fake_stripe.core.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fake_stripe.core.account import Account


class Dashboard:
    """Every method answers with the id of what it made or changed; amounts in minor units, None for all."""

    def __init__(self, account: "Account", begin: "Callable[[], None]", end: "Callable[[], None]") -> None:
        self._account = account
        self._begin = begin
        self._end = end

    def refund(self, intent_id: str, amount: int | None = None) -> str:
        """Give back by hand, as on the dashboard's page."""
        params: dict[str, object] = {"payment_intent": intent_id}
        if amount is not None:
            params["amount"] = amount
        with self._acting():
            return refunds.create(self._account, params).id

    def refund_succeeds(self, refund_id: str) -> str:
        """A refund that was pending reached the buyer."""
        with self._acting():
            return refunds.succeed(self._account, refund_id).id

    def refund_fails(self, refund_id: str, reason: str = "lost_or_stolen_card") -> str:
        """A refund came back, pending or not: the buyer does not have the money."""
        with self._acting():
            return refunds.fail(self._account, refund_id, reason).id

    def dispute(
        self,
        intent_id: str,
        amount: int | None = None,
        *,
        reason: str = "fraudulent",
        inquiry: bool = False,
    ) -> str:
        """The buyer's bank takes the money back; an inquiry only asks."""
        with self._acting():
            charge = self._charge(intent_id)
            opened = disputes.open_one(self._account, charge, amount=amount, reason=reason, inquiry=inquiry)
            return opened.id

    def close_dispute(self, dispute_id: str, outcome: Literal["won", "lost"]) -> str:
        """The bank has decided; `won` is the seller's victory."""
        with self._acting():
            return disputes.decide(self._account, dispute_id, won=outcome == "won").id

    def capture(self, intent_id: str) -> str:
        """Take what was authorised by hand."""
        with self._acting():
            return intents.capture(self._account, intent_id, {}).id

    def cancel(self, intent_id: str) -> str:
        """Cancel by hand."""
        with self._acting():
            intent = self._account.get(Intent, intent_id)
            releases.cancel(self._account, intent, "requested_by_customer")
            return intent.id

    def expire_authorisation(self, intent_id: str) -> str:
        """The bank lets the authorisation go before its time."""
        with self._acting():
            intent = self._account.get(Intent, intent_id)
            releases.expire(self._account, intent)
            return intent.id

    def _charge(self, intent_id: str) -> Charge:
        intent = self._account.get(Intent, intent_id)
        if intent.latest_charge is None:
            raise Refused(f"{intent_id} has no charge.")
        return self._account.get(Charge, intent.latest_charge)

    @contextmanager
    def _acting(self) -> Iterator[None]:
        self._begin()
        try:
            yield
        finally:
            self._end()
