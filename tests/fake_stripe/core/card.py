"""Test cards and what they do. The numbers are those of docs.stripe.com/testing."""

from dataclasses import dataclass
from typing import Final, Literal

from tests.fake_stripe.core.refusal import Refused


@dataclass(frozen=True)
class Decline:
    """Why a card was refused: `code` for programs, `decline_code` from the bank, words for the buyer."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class Card:
    """A card; everything about it that is not said goes well."""

    number: str
    brand: str = "visa"
    decline: Decline | None = None
    challenge: Literal["overlay", "redirect"] | None = None
    dispute: str | None = None  # its holder disputes at once, for this reason
    inquiry: bool = False  # the dispute is a question: no money moves
    refund: Literal["succeeds", "succeeds_later", "fails_later"] = "succeeds"

    @property
    def last4(self) -> str:
        return self.number[-4:]


_DECLINED = "Your card was declined."
GENERIC = Decline("card_declined", "generic_decline", _DECLINED)
NO_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = Decline("card_declined", "lost_card", _DECLINED)
STOLEN = Decline("card_declined", "stolen_card", _DECLINED)
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
NETWORK = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
)
NOT_AUTHENTICATED = Decline(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. "
    "Please choose a different payment method and try again.",
)
BANK_FAILED = Decline(
    "payment_intent_payment_attempt_failed",
    "generic_decline",
    "The customer's bank account could not be debited.",
)

CARDS: Final = {
    card.number: card
    for card in (
        Card("4242424242424242"),
        Card("5555555555554444", "mastercard"),
        Card("378282246310005", "amex"),
        Card("4000002500003155", challenge="overlay"),
        Card("4000002760003184", challenge="overlay"),
        Card("4000000000003220", challenge="overlay"),
        Card("4000000000003063", challenge="redirect"),
        Card("4000008400001629", challenge="overlay", decline=GENERIC),
        Card("4000008260003178", challenge="overlay", decline=NO_FUNDS),
        Card("4000000000000002", decline=GENERIC),
        Card("4000000000009995", decline=NO_FUNDS),
        Card("4000000000009987", decline=LOST),
        Card("4000000000009979", decline=STOLEN),
        Card("4000000000000069", decline=EXPIRED),
        Card("4000000000000127", decline=WRONG_CVC),
        Card("4000000000000119", decline=NETWORK),
        Card("4000000000000259", dispute="fraudulent"),
        Card("4000000000002685", dispute="product_not_received"),
        Card("4000000000001976", dispute="fraudulent", inquiry=True),
        Card("4000000000007726", refund="succeeds_later"),
        Card("4000000000005126", refund="fails_later"),
    )
}

# Payment methods of the docs, which a server may confirm with.
TOKENS: Final = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_threeDSecure2Required": "4000000000003220",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_pendingRefund": "4000000000007726",
    "pm_card_refundFail": "4000000000005126",
}


def by_number(number: str) -> Card:
    """The test card; in test mode all others are refused."""
    digits = number.replace(" ", "").replace("-", "")
    found = CARDS.get(digits)
    if found is None:
        raise Refused(
            "Your card number is incorrect.",
            status=402,
            kind="card_error",
            code="incorrect_number",
            param="payment_method_data[card][number]",
        )
    return found
