"""Ways to pay: which of them authorise first, which take days, which lead away from the page."""

from dataclasses import dataclass
from typing import Any, Final, Literal

from tests.fake_stripe.core import card as cards
from tests.fake_stripe.core.card import Card
from tests.fake_stripe.core.refusal import Refused


@dataclass(frozen=True)
class Way:
    """A payment method type. `manual`: it can be authorised now and captured later.

    `outcome`: known at once, or only after days of `processing`. No currencies means all.
    """

    name: str
    manual: bool
    currencies: frozenset[str] = frozenset()
    outcome: Literal["at_once", "after_days"] = "at_once"
    redirects: bool = False

    def takes(self, currency: str) -> bool:
        return not self.currencies or currency in self.currencies


WAYS: Final = {
    way.name: way
    for way in (
        Way("card", manual=True),
        Way("link", manual=True),
        Way("klarna", manual=True, currencies=frozenset(["eur", "gbp", "usd", "sek"]), redirects=True),
        Way("ideal", manual=False, currencies=frozenset(["eur"]), redirects=True),
        Way("us_bank_account", manual=False, currencies=frozenset(["usd"]), outcome="after_days"),
        Way("sepa_debit", manual=False, currencies=frozenset(["eur"]), outcome="after_days"),
        Way("bacs_debit", manual=False, currencies=frozenset(["gbp"]), outcome="after_days"),
        Way("au_becs_debit", manual=False, currencies=frozenset(["aud"]), outcome="after_days"),
        Way("acss_debit", manual=False, currencies=frozenset(["cad"]), outcome="after_days"),
    )
}


@dataclass(frozen=True)
class PaymentMethod:
    """What a buyer pays with: a way and, where it is one, a card."""

    id: str
    way: Way
    card: Card | None = None

    @property
    def challenge(self) -> Literal["overlay", "redirect"] | None:
        """What the buyer has to do before the attempt is made."""
        if self.way.redirects:
            return "redirect"
        return self.card.challenge if self.card else None

    def json(self, created: int) -> dict[str, Any]:
        billing = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}
        body: dict[str, Any] = {
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing,
            "created": created,
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": self.way.name,
            self.way.name: {},
        }
        if self.card:
            body["card"] = {
                "brand": self.card.brand,
                "checks": None,
                "country": "US",
                "display_brand": self.card.brand,
                "exp_month": 12,
                "exp_year": 2039,
                "funding": "credit",
                "generated_from": None,
                "last4": self.card.last4,
                "networks": None,
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": True},
                "wallet": None,
            }
        return body


def chosen(name: str, currency: str, method_id: str) -> PaymentMethod:
    """By a card's number, a `pm_…` of the docs, a way's name, or `bank`: the bank debit of the currency."""
    if name in cards.TOKENS:
        return PaymentMethod(name, WAYS["card"], cards.CARDS[cards.TOKENS[name]])
    if name == "bank":
        return PaymentMethod(method_id, _bank_of(currency))
    if name in WAYS:
        card = cards.CARDS["4242424242424242"] if name == "card" else None
        return PaymentMethod(method_id, WAYS[name], card)
    return PaymentMethod(method_id, WAYS["card"], cards.by_number(name))


def _bank_of(currency: str) -> Way:
    for way in WAYS.values():
        if way.outcome == "after_days" and way.takes(currency):
            return way
    raise Refused(f"No bank debit takes {currency}.", param="payment_method_types")


def suitable(currency: str, *, manual: bool) -> tuple[str, ...]:
    """What automatic payment methods offer; an intent captured by hand offers only what can be."""
    return tuple(way.name for way in WAYS.values() if way.takes(currency) and (way.manual or not manual))
