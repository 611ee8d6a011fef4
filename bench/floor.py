"""The least that bookings cost whoever serves them so: their rows by pgbench, their requests by uvicorn.

`rows` has PostgreSQL write, from C and without reading anything, what a booking leaves there (`floor.sql`):
the same rows as often, in as many transactions, of as many bookings at once. `requests` has uvicorn and
Starlette answer as many requests as a booking takes with answers of their size, and do nothing.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from bench import bare, rig
from bench.paying import Line
from server.embedded.postgresql import find_postgresql
from server.embedded.process import launcher
from tests.support.processes import ROOT

SCRIPT = Path(__file__).with_name("floor.sql")
CLIENTS = 2
# As server/database has it; and every row by its key, for plans are made while the tables are short.
OPTIONS = "-c plan_cache_mode=force_generic_plan -c random_page_cost=1.1" + "".join(
    f" -c enable_{way}=off" for way in ("seqscan", "hashjoin", "mergejoin")
)
SECONDS = 60.0
LINES = 16
FACTS = {
    "owner": "owner",
    "reference": "FLOOR-1",
    "customer": {"name": "Ann Example", "email": "ann@example.org", "phone": None},
    "total": 2500,
    "currency": "eur",
    "things": [{"resource": "floor", "label": "F-1"}],
    "data": {"by": "buyer"},
}
_HALL = """
insert into resource (id, kind, title, owner, time_zone, currency, epoch)
values ('floor', 'seats', 'The floor', 'owner', 'Europe/Berlin', 'eur', 'floor')
"""
_SEATS = """
insert into slot (resource_id, index, id, label, capacity, price_amount)
select 'floor', k, 'F-' || k, 'F-' || k, 1, 2500 from generate_series(0, $1::integer) k
"""


async def rows(url: str, *, count: int, at_once: int, cpu: Callable[[], float]) -> float | None:
    """Seconds of PostgreSQL's processor, as `cpu` counts them, for the rows of one booking.

    None where there is no pgbench.
    """
    program = find_postgresql() / "pgbench"
    if not program.exists():
        return None
    turns = max(1, count // (at_once * CLIENTS))
    share = turns * at_once
    database = await asyncpg.connect(url)
    await database.execute(_HALL)
    await database.execute(_SEATS, share * CLIENTS)
    await database.close()
    given = {"n": at_once, "share": share, "done": 0, "facts": json.dumps(FACTS)}
    command = [str(program), "--no-vacuum", "--protocol=prepared", f"--file={SCRIPT}", f"--client={CLIENTS}"]
    command += [f"--transactions={turns}", *(f"--define={name}={value}" for name, value in given.items())]
    before = cpu()
    await asyncio.to_thread(_runs, command, url)
    return (cpu() - before) / (share * CLIENTS)


def _runs(command: list[str], url: str) -> None:
    parts = urlsplit(url)
    around = {
        **os.environ,
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.lstrip("/"),
        "PGOPTIONS": OPTIONS,
    }
    done = subprocess.run(command, env=around, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode:
        raise RuntimeError(f"pgbench failed: {done.stderr[-500:]}")


async def requests(count: int) -> float:
    """Seconds of processor that the requests of so many bookings cost a bare uvicorn."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        child = _bare(listener)
    try:
        await _ask(port, LINES)
        before = rig.cpu_seconds(child.pid)
        await _ask(port, count)
        return rig.cpu_seconds(child.pid) - before
    finally:
        child.terminate()
        await asyncio.to_thread(child.wait)


def _bare(listener: socket.socket) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "bench.bare", str(listener.fileno())]
    started = launcher(command, stop_signal=signal.SIGTERM)
    return subprocess.Popen(started, cwd=ROOT, pass_fds=[listener.fileno()])


async def _ask(port: int, count: int) -> None:
    left = iter(range(count))

    async def some() -> None:
        line = await Line.open(port)
        for number in left:
            for path in bare.SIZES:
                await line.post(path, {"resource": "hall", "items": [[f"S-{number}", 1]]})
        line.close()

    await asyncio.gather(*(some() for _ in range(LINES)))
