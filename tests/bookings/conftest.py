"""The same box office that payments are tried at."""

from tests.payments.conftest import house

__all__ = ["house"]
