"""What one message to everybody costs: processor time of the server per delivered frame.

    .venv/bin/python -m bench.fanout --watchers 2000

A loop of send() in C is the limit; beside it stand Holdfast and the peers, each with so many watchers on
loopback, all on one core and alive at once. In each round each of them publishes for some seconds at a pace
that loads none of them fully; the table has the median of the rounds. Holdfast's messages are changes of a
map, made at a second process, with all that they bring: Redis' message, the replica, the encoding. The peers
send as many bytes, encoded beforehand. The watchers are one C process per server, on the other core.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import report, rig, viewers
from bench.buyer import Buyer
from bench.compiler import Missing
from bench.peers.servers import CONTENDERS, FETCHED, Peer
from bench.watchers import Stats, Watchers, watching

COMMAND = "make bench-fanout"
LIMIT, OURS = "C loop of send()", "**Holdfast**"
SEATS = [f"s{number}" for number in range(300, 320)]
GOAL = 1.25
PACE = 15.0
"""Messages a second: none of them is busy all the time then, and Holdfast merges no two of them."""

SETTLED = 0.3
"""Seconds in which no frame comes when all have come."""

PATIENCE = 20.0
IDLE_SECONDS = 7.0
"""For how long all rest, for each second that each publishes: at least a heartbeat's time."""


@contextlib.contextmanager
def holdfast() -> Iterator[Peer]:
    """Our own server as a contender; a message is a hold of some seats, or its release."""
    with rig.stand() as stand:
        stand.hall("hall", 1000)
        with stand.holdfast() as server, stand.holdfast(core=rig.LOAD_CORE) as beside:
            buyer = Buyer(beside.port)
            held: list[str] = []

            def publish() -> None:
                if held:
                    buyer.releases(held.pop())
                else:
                    held.append(buyer.holds("hall", SEATS))

            yield Peer(
                OURS, server, server.port, viewers.request(server.port), publish,
                says=(viewers.joins("hall"),), joined=viewers.JOINED,
            )  # fmt: skip
            buyer.close()


class Contest:
    """All contenders with their watchers, and what each round found."""

    def __init__(self, watchers: int, stack: contextlib.ExitStack) -> None:
        self._number = watchers
        self._stack = stack
        self.peers: dict[str, tuple[Peer, Watchers]] = {}
        self.missing: dict[str, str] = {}
        self.costs: dict[str, list[float]] = {}
        self.sizes: dict[str, float] = {}
        self.units: dict[str, float] = {}
        self.watchers_cpu: dict[str, float] = {}
        self.merged: dict[str, int] = {}
        self.idle: dict[str, float] = {}

    def joins(self, peer: Peer) -> None:
        """Open all its watchers."""
        watchers = self._stack.enter_context(watching(peer.port, peer.request))
        watchers.says(*peer.says)
        watchers.opens(self._number, at_once=100)
        stats = watchers.wait(peer.joined, 60)
        if stats.open < self._number or not stats.in_time:
            raise Missing(f"only {stats.open} of {self._number} watchers could join")
        rig.say(f"{peer.name}: {stats.open} watchers")
        self.peers[peer.name] = (peer, watchers)
        self.costs[peer.name] = []
        if peer.name != OURS:
            stats = self._settled(watchers)
            peer.publish()
            one = self._settled(watchers)
            self.units[peer.name] = (one.bytes - stats.bytes) / self._number

    def publishes(self, name: str, messages: int) -> None:
        """One turn of one contender."""
        peer, watchers = self.peers[name]
        before, used = watchers.stats(), peer.program.cpu()
        began = time.monotonic()
        for number in range(messages):
            time.sleep(max(0.0, began + number / PACE - time.monotonic()))  # one turn has this many a second
            peer.publish()
        after = self._settled(watchers)
        spent, took = peer.program.cpu() - used, time.monotonic() - began
        frames = after.frames - before.frames
        if not frames:
            raise RuntimeError(f"{name} delivered nothing: {peer.program.tail()}")
        if name in self.units:  # on a busy machine some put several messages into one frame
            frames = round((after.bytes - before.bytes) / self.units[name])
        self.costs[name].append(1e6 * spent / frames)
        self.sizes[name] = (after.bytes - before.bytes) / frames
        self.watchers_cpu[name] = max(self.watchers_cpu.get(name, 0), (after.cpu - before.cpu) / took)
        if frames < messages * self._number:
            self.merged[name] = self.merged.get(name, 0) + messages - round(frames / self._number)
            rig.say(f"{name}: {frames} frames of {messages * self._number}")

    def rests(self, seconds: float) -> None:
        """What each uses while nothing is published: heartbeats, deadlines, whatever else it does."""
        before, began = {name: peer.program.cpu() for name, (peer, _) in self.peers.items()}, time.monotonic()
        time.sleep(seconds)  # what is used in this time is what is counted
        took = time.monotonic() - began
        self.idle = {
            name: (peer.program.cpu() - before[name]) / took for name, (peer, _) in self.peers.items()
        }

    def _settled(self, watchers: Watchers) -> Stats:
        """The count when nothing more comes."""
        deadline, before = time.monotonic() + PATIENCE, watchers.stats()
        while time.monotonic() < deadline:
            time.sleep(SETTLED)
            now = watchers.stats()
            if now.frames == before.frames:
                return now
            before = now
        return before


def contest(watchers: int, rounds: int, seconds: float, *, fetches: bool = True) -> Contest:
    """Start everything, then measure in rounds. Peers that would have to be fetched can be left out."""
    with contextlib.ExitStack() as stack:
        run = Contest(watchers, stack)
        ours = stack.enter_context(holdfast())
        run.joins(ours)
        run.publishes(OURS, 10)
        size = round(run.sizes[OURS]) - 4
        run.costs[OURS].clear()
        for name, start in CONTENDERS.items():
            if name in FETCHED and not fetches:
                run.missing[name] = "left out of the quick form"
                continue
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-peer-")))
            try:
                peer = start(folder, size)
                stack.callback(peer.stop)
                run.joins(peer)
            except Missing as reason:
                rig.say(f"{name} takes no part: {reason}")
                run.missing[name] = str(reason)
        rig.say("nothing is published")
        run.rests(IDLE_SECONDS * seconds)
        for number in range(rounds):
            rig.say(f"round {number + 1} of {rounds}")
            for name in run.peers:
                run.publishes(name, round(PACE * seconds))
    return run


def result_of(run: Contest, options_say: str) -> report.Result:
    """The table: cheapest first."""
    result = report.Result("fanout", COMMAND)
    medians = {name: rig.median(costs) for name, costs in run.costs.items()}
    limit = medians.get(LIMIT, float("nan"))
    peers = [cost for name, cost in medians.items() if name not in {LIMIT, OURS}]
    for name, cost in sorted(medians.items(), key=lambda item: item[1]):
        ratio = cost / limit
        goal, reached = "", None
        if name == OURS:
            goal, reached = (
                f"≤ {GOAL} of the C loop, below every peer",
                ratio <= GOAL and cost < min(peers, default=1e9),
            )
        spread = f"rounds {min(run.costs[name]):.2f} to {max(run.costs[name]):.2f} µs"
        watching = f"watchers {100 * run.watchers_cpu[name]:.0f} % of a core"
        note = f"{run.sizes[name]:.0f} B a frame; {spread}; {watching}"
        if name == OURS:
            merged = run.merged.get(name, 0)
            note += f"; {1e3 * run.idle[name]:.0f} ms a second when nothing is sent; {merged} messages merged"
        result.add(
            name, f"{cost:.2f} µs a frame, {ratio:.2f} of the C loop", goal, reached=reached, note=note
        )
    for name, reason in run.missing.items():
        result.add(name, "not measured", note=reason)
    result.facts = {
        "watchers": options_say, "microseconds": medians, "rounds": run.costs, "missing": run.missing,
        "watchers_cpu": run.watchers_cpu, "bytes": run.sizes, "idle": run.idle, "merged": run.merged,
    }  # fmt: skip
    return result


def main() -> None:
    """The command line."""
    parser = report.parser(__doc__)
    parser.add_argument("--watchers", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=1.5, help="that each publishes in each round")
    options = parser.parse_args()
    if options.quick:
        options.watchers, options.rounds, options.seconds = 100, 1, 0.5
    run = contest(options.watchers, options.rounds, options.seconds, fetches=not options.quick)
    report.finish(result_of(run, str(options.watchers)), options)


if __name__ == "__main__":
    main()
