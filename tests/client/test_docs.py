"""The example in docs/python-client.md runs as it stands there."""

import re
from pathlib import Path
from typing import Any

from channels.client.bookings import Bookings
from channels.client.client import Client
from channels.client.holding import Holding
from channels.client.notices import Notices
from channels.client.payments import Payments
from channels.client.resources import Resources
from channels.client.stripe import StripeDesk
from tests.support.door import jwt_of
from tests.support.house import House

PAGE = Path(__file__).parents[2] / "docs" / "python-client.md"
ROOMS = {
    "resources": Resources,
    "holding": Holding,
    "bookings": Bookings,
    "payments": Payments,
    "notices": Notices,
    "the client itself": Client,
    "a desk at stripe": StripeDesk,
}
LEFT_OUT = {"close", "look_up", "resources", "holding", "bookings", "payments", "notices"}


async def test_the_example_runs(town: House) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(source, "python-client.md", "exec"), names)  # our own page
    assert (await names["park"](town.base_url, jwt_of("dora"), "drive")).startswith("BK-")
    assert "faster" in await names["park"](town.base_url, jwt_of("ben"), "drive")


def test_every_method_is_on_the_page() -> None:
    rows = dict(re.findall(r"^\| `?([a-z ]+)`? \| (`.*) \|$", PAGE.read_text(), re.MULTILINE))
    for room, kind in ROOMS.items():
        documented = set(re.findall(r"`([a-z_]+)`", rows[room]))
        assert documented == {name for name in vars(kind) if not name.startswith("_")} - LEFT_OUT, room
