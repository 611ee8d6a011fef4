"""A Checkout Session: a page of Stripe's around a payment. Its PaymentIntent is made when the buyer pays."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal


@dataclass
class Line:
    """One line of what is sold; amounts in minor units."""

    id: str
    name: str
    unit_amount: int
    quantity: int
    price: str
    product: str

    @property
    def total(self) -> int:
        return self.unit_amount * self.quantity

    def json(self, currency: str, created: int) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "item",
            "adjustable_quantity": None,
            "amount_discount": 0,
            "amount_subtotal": self.total,
            "amount_tax": 0,
            "amount_total": self.total,
            "currency": currency,
            "description": self.name,
            "metadata": {},
            "price": self._price(currency, created),
            "quantity": self.quantity,
        }

    def _price(self, currency: str, created: int) -> dict[str, Any]:
        return {
            "id": self.price,
            "object": "price",
            "active": False,
            "billing_scheme": "per_unit",
            "created": created,
            "currency": currency,
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": None,
            "metadata": {},
            "nickname": None,
            "product": self.product,
            "recurring": None,
            "tax_behavior": "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "one_time",
            "unit_amount": self.unit_amount,
            "unit_amount_decimal": str(self.unit_amount),
        }


@dataclass
class Session:
    """`plan` is what its PaymentIntent will be made of: parameters as the call gave them."""

    OBJECT: ClassVar[str] = "checkout.session"

    id: str
    currency: str
    created: int
    expires_at: int
    url: str
    lines: list[Line]
    plan: dict[str, Any]
    methods: tuple[str, ...]
    success_url: str | None
    cancel_url: str | None
    metadata: dict[str, str] = field(default_factory=dict)
    client_reference_id: str | None = None
    customer_email: str | None = None
    status: Literal["open", "complete", "expired"] = "open"
    payment_status: Literal["unpaid", "paid", "no_payment_required"] = "unpaid"
    intent: str | None = None
    livemode: bool = False

    @property
    def amount(self) -> int:
        return sum(line.total for line in self.lines)

    def lines_json(self) -> dict[str, Any]:
        return {
            "object": "list",
            "data": [line.json(self.currency, self.created) for line in self.lines],
            "has_more": False,
            "url": f"/v1/checkout/sessions/{self.id}/line_items",
        }

    def json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "checkout.session",
            "adaptive_pricing": None,
            "after_expiration": None,
            "allow_promotion_codes": None,
            "amount_subtotal": self.amount,
            "amount_total": self.amount,
            "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
            "billing_address_collection": None,
            "cancel_url": self.cancel_url,
            "client_reference_id": self.client_reference_id,
            "client_secret": None,
            "collected_information": None,
            "consent": None,
            "consent_collection": None,
            "created": self.created,
            "currency": self.currency,
            "currency_conversion": None,
            "custom_fields": [],
            "custom_text": {
                "after_submit": None,
                "shipping_address": None,
                "submit": None,
                "terms_of_service_acceptance": None,
            },
            "customer": None,
            "customer_account": None,
            "customer_creation": "if_required",
            "customer_details": self._customer(),
            "customer_email": self.customer_email,
            "discounts": [],
            "expires_at": self.expires_at,
            "invoice": None,
            "invoice_creation": None,
            "livemode": self.livemode,
            "locale": None,
            "metadata": dict(self.metadata),
            "mode": "payment",
            "origin_context": None,
            "payment_intent": self.intent,
            "payment_link": None,
            "payment_method_collection": "if_required",
            "payment_method_configuration_details": None,
            "payment_method_options": self._options(),
            "payment_method_types": list(self.methods),
            "payment_status": self.payment_status,
            "permissions": None,
            "phone_number_collection": {"enabled": False},
            "recovered_from": None,
            "saved_payment_method_options": None,
            "setup_intent": None,
            "shipping_address_collection": None,
            "shipping_cost": None,
            "shipping_options": [],
            "status": self.status,
            "submit_type": None,
            "subscription": None,
            "success_url": self.success_url,
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page",
            "url": self.url if self.status == "open" else None,
            "wallet_options": None,
        }

    def _options(self) -> dict[str, Any]:
        asked = self.plan.get("payment_method_options", {})
        shown = {way: dict(asked.get(way, {})) for way in self.methods}
        if "card" in shown:
            shown["card"] = {"request_three_d_secure": "automatic", **shown["card"]}
        return shown

    def _customer(self) -> dict[str, Any] | None:
        if self.customer_email is None:
            return None
        nobody = {"address": None, "business_name": None, "individual_name": None, "name": None}
        return {**nobody, "email": self.customer_email, "phone": None, "tax_exempt": None, "tax_ids": None}
