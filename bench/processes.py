"""A second process on the same Redis: how many more viewers it carries, and what it costs the others.

    .venv/bin/python -m bench.processes --viewers 1000 --changes 20

The same sale goes on three times, on sockets of a process that nobody watches: watched by so many viewers on
one process, by as many again on a second one, and by the first alone again. All share one core here, so it is
processor time that tells. What one process spends bounds what it carries, so the second is worth as much as
the busier of the two is no busier than one alone: the mean of before and after, for a machine that others use
gets faster and slower.
"""

import argparse
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import mean

import redis

from bench import report, rig, viewers
from bench.sale import Sale
from bench.watchers import watching

COMMAND = "make bench-processes"
GOAL = 1.8
AT_MOST = 2.1
"""A second process can be worth no more than two: beyond that and its error, the machine was not even."""

WARM_SECONDS = 1.0
LAST_FRAMES_SECONDS = 0.5
"""What was said last is paid for, too: a tick lasts that long at the most."""

SUBSCRIBERS = 41


@dataclass(frozen=True)
class Round:
    """Processor time of each process and of Redis while a sale went on, and what it brought."""

    processes: Sequence[float]
    office: float
    redis: float
    changes: int
    frames: int

    @property
    def busiest(self) -> float:
        """Microseconds for each frame to a viewer, of the process that has most to do.

        Changes come so seldom that each is a frame: how many more the tick would put into one differs with
        what else the machine does.
        """
        return 1e6 * max(self.processes) * len(self.processes) / self.frames

    @property
    def of_office(self) -> float:
        """Microseconds for each change of the process that sells."""
        return 1e6 * self.office / self.changes

    @property
    def of_redis(self) -> float:
        """Microseconds of Redis for each change."""
        return 1e6 * self.redis / self.changes


def measure(stand: rig.Stand, hall: str, processes: int, options: argparse.Namespace) -> Round:
    """One sale, watched on so many processes."""
    stand.hall(hall, options.seats)
    with ExitStack() as stack:
        office = stack.enter_context(stand.holdfast())
        servers = [stack.enter_context(stand.holdfast()) for _ in range(processes)]
        crowds = [stack.enter_context(watching(each.port, viewers.request(each.port))) for each in servers]
        for crowd in crowds:
            crowd.says(viewers.joins(hall))
            crowd.opens(options.viewers)
            crowd.joined(options.viewers, viewers.JOINED, 60)
        rig.say(f"{options.viewers} viewers on each of {processes}")
        sale = Sale(office.port, hall, options.seats)
        sale.opens()
        sale.runs(options.changes, WARM_SECONDS)
        url = stand.environment["REDIS_URL"]
        with redis.Redis.from_url(url) as client:
            pid = int(client.info("server")["process_id"])
        made, frames = len(sale.made), sum(crowd.stats().frames for crowd in crowds)
        before = [each.cpu() for each in servers]
        redis_before, office_before = rig.cpu_seconds(pid), office.cpu()
        sale.runs(options.changes, options.seconds)
        time.sleep(LAST_FRAMES_SECONDS)
        spent = [each.cpu() - earlier for each, earlier in zip(servers, before, strict=True)]
        return Round(
            processes=spent,
            office=office.cpu() - office_before,
            redis=rig.cpu_seconds(pid) - redis_before,
            changes=len(sale.made) - made,
            frames=sum(crowd.stats().frames for crowd in crowds) - frames,
        )


def subscriber_of_redis(url: str, messages: int, together: int) -> float:
    """Microseconds of Redis for each process more that hears a change; so many changes come at once."""
    with redis.Redis.from_url(url) as client:
        pid = int(client.info("server")["process_id"])
        took = []
        for many in (1, SUBSCRIBERS):
            with listeners(client, many):
                before = rig.cpu_seconds(pid)
                for _ in range(messages // together):
                    with client.pipeline(transaction=False) as pipeline:
                        for _ in range(together):
                            pipeline.execute_command("SPUBLISH", "holdfast:{hall}:changes", bytes(120))
                        pipeline.execute()
                took.append(rig.cpu_seconds(pid) - before)
    return 1e6 * (took[1] - took[0]) / messages / (SUBSCRIBERS - 1)


@contextmanager
def listeners(client: "redis.Redis", many: int) -> Iterator[None]:
    """Connections that hear a hall's changes, emptied by a thread."""
    given = client.connection_pool.connection_kwargs
    sockets = [socket.create_connection((given["host"], given["port"])) for _ in range(many)]
    selector = selectors.DefaultSelector()
    for each in sockets:
        each.sendall(f"AUTH {given['password']}\r\nSSUBSCRIBE holdfast:{{hall}}:changes\r\n".encode())
        selector.register(each, selectors.EVENT_READ)
    done = threading.Event()

    def empty() -> None:
        while not done.is_set():
            for key, _ in selector.select(0.1):
                key.fileobj.recv(1 << 20)  # type: ignore[union-attr]

    thread = threading.Thread(target=empty)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        for each in sockets:
            each.close()


def main() -> None:
    """The command line."""
    parser = report.parser(__doc__)
    parser.add_argument("--seats", type=int, default=20_000)
    parser.add_argument("--viewers", type=int, default=1000, help="on each process")
    parser.add_argument("--changes", type=int, default=20, help="seats that change a second")
    parser.add_argument("--seconds", type=float, default=6)
    options = parser.parse_args()
    if options.quick:
        options.seats, options.changes, options.viewers, options.seconds = 2000, 50, 50, 1
    result = report.Result("processes", COMMAND)
    with rig.stand() as stand:
        before = measure(stand, "before", 1, options)
        both = measure(stand, "both", 2, options)
        after = measure(stand, "after", 1, options)
        url, messages = stand.environment["REDIS_URL"], 500 if options.quick else 4_000
        alone_us, ten_us = (subscriber_of_redis(url, messages, together) for together in (1, 10))
    alone_frame = mean((before.busiest, after.busiest))
    of_office, of_redis = mean((before.of_office, after.of_office)), mean((before.of_redis, after.of_redis))
    worth = 2 * alone_frame / both.busiest
    result.add(
        "a second process on the same Redis",
        f"{worth:.2f} times the viewers",
        f"≥ {GOAL} times",
        reached=worth >= GOAL if worth <= AT_MOST else None,
        note=f"{options.viewers:,} viewers each; {before.busiest:.1f} µs for each frame alone, "
        f"{both.busiest:.1f} µs of the busier one of two, {after.busiest:.1f} µs alone again"
        + ("" if worth <= AT_MOST else "; more than two cannot be, so this decides nothing"),
    )
    result.add(
        "the process that sells, for each change",
        f"{of_office:.0f} µs, with one more that shows it {both.of_office:.0f} µs",
        note=f"with what it does each second anyway, spread over {options.changes} changes",
    )
    result.add(
        "Redis, for each change",
        f"{of_redis:.0f} µs, with one more that shows it {both.of_redis:.0f} µs",
        note=f"with what is asked each second (positions, what ends), spread over {options.changes} changes",
    )
    result.add(
        "Redis for each process that hears a change",
        f"{alone_us:.1f} µs; {ten_us:.1f} µs where ten changes come at once",
    )
    result.facts = {
        "redis_hears_us": alone_us, "redis_hears_ten_us": ten_us,
        "worth": worth, "alone_us": alone_frame, "both_us": both.busiest,
        "second_us": 1e6 * both.processes[1] * 2 / both.frames,
        "redis_alone_us": of_redis, "redis_both_us": both.of_redis,
        "frames_alone": before.frames + after.frames, "frames_both": both.frames,
    }  # fmt: skip
    report.finish(result, options)


if __name__ == "__main__":
    main()
