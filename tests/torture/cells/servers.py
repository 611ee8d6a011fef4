"""Servers of Holdfast die, freeze and come back while people buy."""

from tests.torture.matrix import Size, Torture, cell
from tests.torture.nemesis.processes import Kill, Stop
from tests.torture.stage import open_stage


@cell(1, fault="none", workload="W1")
async def nothing_happens(torture: Torture, size: Size) -> None:
    """An on-sale as it should be: everybody comes for the same few seats at once."""
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        await stage.sale()


@cell(2, fault="kill -9 of one server every 2 s", workload="W1")
async def one_server_killed(torture: Torture, size: Size) -> None:
    """Whoever was with it comes back to another, by its token; what was asked is asked again by its name."""
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        async with stage.nemesis([Kill(*stage.street.servers)], every=2.0):
            await stage.sale()


@cell(3, fault="kill -9 of all servers at once", workload="W1", sizes=("full", "long"))
async def all_servers_killed(torture: Torture, size: Size) -> None:
    """Nobody is left to ask for a while; what was held is held when they are back."""
    async with open_stage(torture, size, within=5.0) as stage:
        await stage.arrive()
        every = 5.0 if size.name == "tier" else 10.0
        async with stage.nemesis([Kill(*stage.street.servers, all_at_once=True)], every=every, lasts=0.5):
            await stage.sale()


@cell(4, fault="SIGSTOP of one server for longer than a hold lasts", workload="W1", sizes=("full", "long"))
async def one_server_frozen(torture: Torture, size: Size) -> None:
    """It wakes up believing that it is earlier than it is, and may not act on it."""
    async with open_stage(torture, size, hall={"hold_seconds": 4}) as stage:
        await stage.arrive()
        lasts = (1.0, 7.0) if size.name == "tier" else (1.0, 25.0)
        async with stage.nemesis([Stop(*stage.street.servers)], every=8.0, lasts=lasts):
            await stage.sale()
