"""PostgreSQL loses connections and dies while people buy."""

from tests.torture.matrix import Size, Torture, cell
from tests.torture.nemesis.postgresql import KillBackend
from tests.torture.nemesis.processes import Kill
from tests.torture.stage import open_stage


@cell(11, fault="a backend of PostgreSQL ended each second", workload="W1")
async def backends_killed(torture: Torture, size: Size) -> None:
    """A commit whose answer was lost is found again by its key: every unknown gets one end."""
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        every = 0.3 if size.name == "tier" else 1.0
        async with stage.nemesis([KillBackend(stage.street.database_url)], every=every):
            await stage.sale()


@cell(12, fault="kill -9 of PostgreSQL", workload="W1", sizes=("full", "long"))
async def postgresql_killed(torture: Torture, size: Size) -> None:
    """What was answered as confirmed is there when it is back, and what was paid meanwhile is settled."""
    async with open_stage(torture, size) as stage:
        await stage.arrive()
        every = 4.0 if size.name == "tier" else 15.0
        async with stage.nemesis([Kill(stage.street.postgresql)], every=every, lasts=0.5):
            await stage.sale()
