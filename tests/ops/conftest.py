"""A box office, whose rows an audit can read."""

from tests.payments.conftest import house

__all__ = ["house"]
