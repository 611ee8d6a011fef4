"""A provider that is away is passed over for a while; whoever it is away for, nobody waits for it."""

from dataclasses import dataclass, field

import pytest

from server.notices.channel import Message, Permanent, Temporary
from server.notices.channels.circuit import FAILURES, OPEN_AT_MOST_MS, OPEN_MS, Away, Circuit
from server.notices.channels.rests import KEPT, REST_MS, Rests
from server.notices.channels.retry_after import MOST_SECONDS, retry_after
from tests.notices.channels.examples import Clock, message


@dataclass
class Provider:
    name: str = "provider"
    trouble: Exception | None = None
    tries: list[Message] = field(default_factory=list)

    async def send(self, one: Message) -> None:
        self.tries.append(one)
        if self.trouble is not None:
            raise self.trouble


async def fails(circuit: Circuit, kind: type[Exception] = Away) -> Exception:
    with pytest.raises(kind) as caught:
        await circuit.send(message())
    return caught.value


async def opened(provider: Provider, clock: Clock) -> Circuit:
    provider.trouble = Away("no connection")
    circuit = Circuit(provider, clock)
    for _ in range(FAILURES):
        await fails(circuit)
    return circuit


async def test_after_some_failures_it_is_passed_over_without_a_try() -> None:
    provider, clock = Provider(), Clock()
    circuit = await opened(provider, clock)
    assert circuit.is_open
    refused = await fails(circuit)
    assert isinstance(refused, Away)
    assert refused.retry_after == OPEN_MS / 1000
    assert len(provider.tries) == FAILURES


async def test_it_is_tried_again_and_passed_over_longer_each_time() -> None:
    provider, clock = Provider(), Clock()
    circuit = await opened(provider, clock)
    for longer in (1, 2, 4, 8, 16):
        clock.move(min(OPEN_MS * longer, OPEN_AT_MOST_MS) / 1000)
        assert not circuit.is_open
        tries = len(provider.tries)
        await fails(circuit)
        assert len(provider.tries) == tries + 1
        assert circuit.is_open
    clock.move(OPEN_AT_MOST_MS / 1000)
    assert not circuit.is_open


async def test_one_that_is_back_is_used_at_once() -> None:
    provider, clock = Provider(), Clock()
    circuit = await opened(provider, clock)
    clock.move(OPEN_MS / 1000)
    provider.trouble = None
    await circuit.send(message())
    provider.trouble = Away("no connection")
    for _ in range(FAILURES - 1):
        await fails(circuit)
    assert not circuit.is_open


@pytest.mark.parametrize("trouble", [Temporary("greylisted"), Permanent("no such address")])
async def test_what_is_said_of_one_message_says_nothing_of_the_provider(trouble: Exception) -> None:
    provider, clock = Provider(trouble=trouble), Clock()
    circuit = Circuit(provider, clock)
    for _ in range(2 * FAILURES):
        await fails(circuit, type(trouble))
    assert not circuit.is_open
    assert len(provider.tries) == 2 * FAILURES


async def test_only_so_many_addresses_rest() -> None:
    clock = Clock()
    rests = Rests(clock)
    for index in range(KEPT + 1):
        rests.begin(str(index))
    rests.require_none("0")
    with pytest.raises(Temporary):
        rests.require_none("1")
    clock.move(REST_MS / 1000)
    rests.require_none("1")


NOW_MS = 1_795_252_800_000  # 2026-11-21T09:20:00Z


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("9" * 40, MOST_SECONDS),
        ("Sat, 21 Nov 2026 09:20:07 GMT", 7),
        ("Sat, 21 Nov 2026 09:00:00 GMT", 0),
        ("Sun, 21 Nov 2027 08:00:00 GMT", MOST_SECONDS),
        ("", None),
        ("-7", None),
        ("7.5", None),
        ("\u0667", None),
        ("soon", None),
        ("Sat, 21 Nov 2026 08:00:00", None),
        ("Sat, 99 Nov 2026 08:00:00 GMT", None),
    ],
)
def test_how_long_to_leave_a_server_alone(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}, NOW_MS) == seconds


def test_a_server_that_says_nothing_asks_for_nothing() -> None:
    assert retry_after({}, NOW_MS) is None
