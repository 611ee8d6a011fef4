"""Networks part, lose and cut while people buy."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.support.buyer import visiting
from tests.torture.islands import Island, detour, island
from tests.torture.matrix import Size, Torture, cell
from tests.torture.nemesis import Fault
from tests.torture.nemesis.links import ProxyFault
from tests.torture.nemesis.names import Names, NamesLost
from tests.torture.nemesis.network import Lossy, Partition
from tests.torture.nemesis.redis import ChangePassword
from tests.torture.nemesis.stripe import StripeFails
from tests.torture.probe import Probe, within
from tests.torture.proxy import CutAfter, Proxy, Reset, Silence
from tests.torture.stage import HALL, Stage, open_stage
from tests.torture.wire import Way

NOT_READY_SECONDS = 3.0
TOLD_SECONDS = 5.0
WAYS: tuple[Way, ...] = ("both", "requests", "answers")
CUT_SHARE = 0.05
CONNECTS_A_SECOND = 5.0
SILENCE_SECONDS = 5.0
"""What a resolver waits for a server of names that says nothing."""


def lasting(size: Size) -> tuple[float, float]:
    """For how long a network is parted."""
    return (1.0, 4.0) if size.name == "tier" else (5.0, 30.0)


async def is_told(stage: Stage, address: str, fault: Fault, what: str, *, stale: bool) -> None:
    """Strike one server: how soon it and who is there know that it cannot serve, and that it can again."""
    torture = stage.torture
    server = next(each for each in stage.street.servers if each.base_url == address)
    async with Probe.at(server) as probe, stage.nemesis([]) as nemesis:
        await probe.becomes(ready=True)
        async with visiting(address) as ann:
            await ann.watches(HALL)
            await nemesis.strike(fault)
            began = time.monotonic()
            within(torture, f"not ready without {what}", await probe.becomes(ready=False), NOT_READY_SECONDS)
            if stale:
                await ann.tab.hears("heartbeat", stale=True)
                took = time.monotonic() - began
                within(torture, f"clients told that they may see old news without {what}", took, TOLD_SECONDS)
            await nemesis.heal(fault)
            within(torture, f"ready again with {what}", await probe.becomes(ready=True), TOLD_SECONDS)


@cell(
    15,
    fault="proxies part a server from Redis and PostgreSQL",
    workload="W1",
    sizes=("full", "long"),
)
async def parted(torture: Torture, size: Size) -> None:
    """What is sent waits as it would in a network that is gone; the server says that it cannot serve."""
    async with open_stage(torture, size, within=5.0, proxies=("redis", "postgresql")) as stage:
        first = {way: stage.street.proxies[0, way] for way in ("redis", "postgresql")}
        address = stage.street.servers[0].base_url
        for way, proxy in first.items():
            fault = ProxyFault(proxy, kind=Silence(), name=f"parted from {way}")
            await is_told(stage, address, fault, way, stale=way == "redis")
        parting: list[Fault] = [
            ProxyFault(*proxies, kind=Silence(way), name=f"{name} silent, {way}", all_at_once=True)
            for name, proxies in (
                ("redis", [first["redis"]]),
                ("postgresql", [first["postgresql"]]),
                ("both", first.values()),
            )
            for way in WAYS
        ]
        await stage.arrive()
        async with stage.nemesis(parting, every=lasting(size)[1] + 1, lasts=lasting(size)):
            await stage.sale()


@cell(
    15,
    fault="a server on an island: its links to Redis and PostgreSQL swallow all, both ways or one",
    workload="W1",
    sizes=("full", "long"),
)
async def island_cut_off(torture: Torture, size: Size) -> None:
    """The same by real links between network namespaces, where TCP itself waits, sends again and gives up."""
    async with open_stage(
        torture, size, within=5.0, processes=max(1, size.processes - 1), beside=[island]
    ) as stage:
        there = stage.street.servers[-1]
        assert isinstance(there, Island)
        for way in ("redis", "postgresql"):
            fault = Partition(there.links[way], name=f"island without {way}")
            await is_told(stage, there.base_url, fault, way, stale=way == "redis")
        parting: list[Fault] = [
            Partition(there.links[way], way=direction, name=f"island without {way}, {direction}")
            for way in ("redis", "postgresql")
            for direction in ("both", "from here", "from there")
        ]
        await stage.arrive()
        async with stage.nemesis(parting, every=lasting(size)[1] + 1, lasts=lasting(size)):
            await stage.sale()


@cell(16, fault="5 % loss, 256 kbit/s before a tenth of the clients", workload="W1", sizes=("full", "long"))
async def lossy_clients(torture: Torture, size: Size) -> None:
    """Those on a bad line are right within ten seconds, and nobody else feels it."""
    async with open_stage(torture, size, within=10.0) as stage, detour(stage.street.ports[0]) as (port, link):
        await stage.arrive(size.people * 9 // 10)
        async with stage.nemesis([]) as nemesis:
            await nemesis.strike(Lossy(link))
            await stage.arrive(size.people // 10, port=port)
            await stage.sale()
            lag = await stage.converges(10.0)
    within(torture, "everybody is right, those on the bad line too", lag, 10.0, size.people)


@cell(
    17,
    fault="5 % of answers cut after the effect: COMMIT, Redis' scripts, Stripe's POST",
    workload="W1",
    sizes=("full", "long"),
)
async def answers_cut(torture: Torture, size: Size) -> None:
    """What was done and never answered is found again by its name: done once, and told the same."""
    async with open_stage(torture, size, stripe=True, proxies=("redis", "postgresql", "stripe")) as stage:
        proxies = stage.street.proxies
        cutting = [
            ProxyFault(
                *(proxy for (_, way), proxy in proxies.items() if way == name),
                kind=CutAfter(share=CUT_SHARE, when=has),
                name=f"answers of {name} cut",
                all_at_once=True,
            )
            for name, has in EFFECTS.items()
        ]
        async with stage.nemesis([]) as nemesis:
            for fault in cutting:
                await nemesis.strike(fault)
            await stage.arrive()
            await stage.sale()
        for name in EFFECTS:
            cut = sum(proxy.cut for (_, way), proxy in proxies.items() if way == name)
            torture.claims(f"answers of {name} cut after the effect", cut)


def commits(asked: bytes) -> bool:
    """Whether a transaction ends with it."""
    return b"COMMIT" in asked


def runs_scripts(asked: bytes) -> bool:
    """Whether a script runs by it."""
    return any(word in asked for word in (b"EVALSHA", b"EVAL\r\n", b"FCALL"))


def posts(asked: bytes) -> bool:
    """Whether something is changed at Stripe by it."""
    return asked.startswith(b"POST ")


EFFECTS: dict[str, Callable[[bytes], bool]] = {
    "redis": runs_scripts,
    "postgresql": commits,
    "stripe": posts,
}


@cell(
    18,
    fault="one call to Stripe in ten fails in every way",
    workload="W1",
    sizes=("full", "long"),
)
async def stripe_fails(torture: Torture, size: Size) -> None:
    """Every hold ends in one state, and nothing is taken twice."""
    async with open_stage(torture, size, stripe=True) as stage:
        stripe = stage.street.stripe
        assert stripe is not None
        await stage.arrive()
        async with stage.nemesis([StripeFails(stripe.faults)], every=5.0, lasts=4.0):
            await stage.sale()
        torture.claims("faults of Stripe met", len(stripe.faults.met))
        began = time.monotonic()
        await stage.quietens()
        within(torture, "all is settled after Stripe is well", time.monotonic() - began, 120.0)


@cell(30, fault="Redis' password is another one for 10 s", workload="W1", sizes=("full", "long"))
async def password_wrong(torture: Torture, size: Size) -> None:
    """Nobody gets in: no crash, and no storm of tries."""
    async with open_stage(torture, size, within=5.0) as stage:
        await stage.arrive()
        selling = asyncio.create_task(stage.sale())
        fault = ChangePassword(stage.street.redis)
        async with stage.nemesis([]) as nemesis:
            await nemesis.strike(fault)
            rate = await _rate(fault.connects, seconds=3.0 if size.name == "tier" else 10.0)
            await nemesis.heal(fault)
        await selling
        _no_storm(torture, rate / len(stage.street.servers), len(stage.street.servers))
        await _still_running(stage)


@cell(
    30,
    fault="whoever connects to Redis is reset for 10 s",
    workload="W1",
    sizes=("full", "long"),
)
async def redis_resets(torture: Torture, size: Size) -> None:
    """The same for an address where nobody of ours listens."""
    async with open_stage(torture, size, within=5.0, proxies=("redis",)) as stage:
        await stage.arrive()
        selling = asyncio.create_task(stage.sale())
        ways: list[Proxy] = list(stage.street.proxies.values())
        async with stage.nemesis([]) as nemesis:
            await nemesis.strike(ProxyFault(*ways, kind=Reset(), all_at_once=True))
            for way in ways:
                way.cut_all()

            async def connects() -> int:
                return sum(way.accepted for way in ways)

            rate = await _rate(connects, seconds=3.0 if size.name == "tier" else 10.0)
        await selling
        _no_storm(torture, rate / len(ways), len(ways))
        await _still_running(stage)


@cell(
    30,
    fault="the names of Redis, PostgreSQL and Stripe lead nowhere for 10 s, told at once or after a silence",
    workload="W1",
    sizes=("full", "long"),
)
async def names_gone(torture: Torture, size: Size) -> None:
    """Whatever was open is cut, and nothing is found by its name: no crash, no storm, and back soon after."""
    with Names(torture.folder) as names:
        async with open_stage(
            torture, size, within=5.0, stripe=True, proxies=("redis", "postgresql", "stripe"), names=names
        ) as stage:
            await stage.arrive()
            selling = asyncio.create_task(stage.sale())
            for after in (0.0, SILENCE_SECONDS):
                await _lose_names(stage, names, after)
            await selling
            await _still_running(stage)


async def _lose_names(stage: Stage, names: Names, after: float) -> None:
    """Once, and back: how often they were asked for meanwhile, and how soon all is well again."""
    fault, servers = NamesLost(names, [*stage.street.proxies.values()], after=after), stage.street.servers
    async with stage.nemesis([]) as nemesis, Probe.at(servers[0]) as probe:
        await nemesis.strike(fault)
        for what in ("redis", "postgresql"):

            async def asked(what: str = what) -> int:
                return names.asked(what)

            rate = await _rate(asked, seconds=3.0 if stage.size.name == "tier" else 10.0)
            _no_storm(stage.torture, rate / len(servers), len(servers), f"looks for {what}, {fault.name}")
        await nemesis.heal(fault)
        took = await probe.becomes(ready=True)
        within(stage.torture, "ready again when names are known", took, after + TOLD_SECONDS)


async def _rate(count: Callable[[], Awaitable[int]], seconds: float) -> float:
    """By how much it grows in a second."""
    before, began = await count(), time.monotonic()
    await asyncio.sleep(seconds)
    return (await count() - before) / (time.monotonic() - began)


def _no_storm(torture: Torture, rate: float, servers: int, what: str = "tries to connect") -> None:
    goal = f"≤ {CONNECTS_A_SECOND:g} /s"
    reached = rate <= CONNECTS_A_SECOND
    torture.figure(f"{what}, of one server", f"{rate:.1f} /s", goal, reached=reached, n=servers)


async def _still_running(stage: Stage) -> None:
    """Nobody crashed: each server runs under the number it had."""
    for server in stage.street.servers:
        if not await _serves(server.base_url):
            stage.torture.breaks("R34", f"{server.base_url} does not serve any more")


async def _serves(address: str) -> bool:
    async with visiting(address) as somebody:
        await somebody.watches(HALL)
    return True
