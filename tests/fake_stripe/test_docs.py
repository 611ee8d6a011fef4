"""docs/fake-stripe.md names every card, fault and action, with its arguments."""

import inspect
import re
from typing import get_args

from tests.fake_stripe import CARDS, FakeStripe
from tests.fake_stripe.rim.control import Control
from tests.fake_stripe.rim.faults import AFTER_EFFECT, Name
from tests.test_docs import DOCS, rows

PAGE = "fake-stripe.md"


def test_every_card_is_described() -> None:
    assert set(re.findall(r"`(\d{15,16})`", (DOCS / PAGE).read_text())) == set(CARDS)


def test_every_fault_is_described_with_its_effect() -> None:
    for fault in get_args(Name):
        assert (rows(PAGE)[fault][1] == "yes") == (fault in AFTER_EFFECT), fault


def test_every_action_is_described_with_its_arguments() -> None:
    for action, does in Control(FakeStripe())._actions.items():
        documented = re.findall(r"`(\w+)`", rows(PAGE)[action][0])
        assert documented == list(inspect.signature(does).parameters), action
