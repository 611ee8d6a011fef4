"""Names that lead nowhere, for whoever is started with the shim; and a Stripe that fails in every way."""

import random
from pathlib import Path

from tests.fake_stripe.rim.faults import Faults
from tests.torture.nemesis.names import Names, NamesLost
from tests.torture.nemesis.stripe import WAYS, StripeFails
from tests.torture.traces import Busy

CHANCE = random.Random(1)
NAME = Names.of("redis")
LOOKS = f"""
import socket, sys
for _ in sys.stdin:
    try:
        print(socket.getaddrinfo("{NAME}", 80)[0][4][0], flush=True)
    except socket.gaierror as error:
        print(error.errno == socket.EAI_AGAIN, flush=True)
"""


async def test_a_name_is_this_machine_until_nobody_knows_it_and_again_after_that(tmp_path: Path) -> None:
    with Names(tmp_path) as names:
        child = Busy(LOOKS, **names.environment)
        assert child.asks() == "127.0.0.1"
        for after in (0.0, 0.01):
            fault = NamesLost(names, [], after=after)
            await fault.strike(CHANCE)
            assert child.asks() == "True"
            for _ in range(2):
                await fault.heal()
            assert child.asks() == "127.0.0.1"
        assert (names.asked("redis"), names.asked("stripe")) == (5, 0)
        child.kill()


async def test_stripe_fails_in_every_way_until_it_is_well() -> None:
    faults = Faults()
    fault = StripeFails(faults, share=0.9)
    await fault.strike(CHANCE)
    met = {faults.of("POST /v1/payment_intents") for _ in range(2_000)}
    assert met >= set(WAYS)
    for _ in range(2):
        await fault.heal()
    assert {faults.of("POST /v1/payment_intents") for _ in range(200)} == {None}
