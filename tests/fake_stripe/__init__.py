"""A Stripe of our own for tests: it speaks the HTTP of stripe 16.1 at version 2026-10-28.endive."""

from tests.fake_stripe.core.card import CARDS
from tests.fake_stripe.core.refusal import Refused
from tests.fake_stripe.fake import FakeStripe
from tests.fake_stripe.ledger import Entry

__all__ = ["CARDS", "Entry", "FakeStripe", "Refused"]
