"""Clients that do not read: what the others notice, what it costs, how soon the slow ones are right again.

    .venv/bin/python -m bench.slow --viewers 1000 --seconds 30

One in twenty reads nothing at all, one in twenty a byte a second, while seats change; then all read on.
The others' time from command to frame is compared with that of a stretch before, in which everybody read. A
slow one is right again when it has a version at which some other stood when it began to read.
"""

import argparse
import time
from dataclasses import dataclass

from bench import report, rig, viewers
from bench.rig import Stand
from bench.sale import Sale
from bench.viewers import Story
from bench.watchers import watching

COMMAND = "make bench-slow"
SHARE = 0.05
SAMPLED = 100
WITHIN, RIGHT_GOAL, MEMORY_GOAL = 1.2, 2.0, 16e6


def version_at(story: Story, watchers: range, when: float) -> int:
    """The newest version that any of them had then."""
    newest = 0
    for watcher in watchers:
        for at, message in story.told(watcher):
            if at <= when:
                newest = max(newest, message["to"] if message["type"] == "delta" else message["version"])
    return newest


def right_after(story: Story, watchers: range, since: float, version: int) -> list[float]:
    """Seconds until each had that version; infinite where it never did."""
    found = []
    for watcher in watchers:
        times = (
            when - since
            for when, message in story.told(watcher)
            if (message["to"] if message["type"] == "delta" else message["version"]) >= version
        )
        found.append(max(0.0, next(times, float("inf"))))
    return found


@dataclass
class Run:
    """What happened, and when (seconds of the machine's clock)."""

    story: Story
    sale: Sale
    began: float
    slowed: float
    resumed: float
    resident: int
    peak: int
    lost: int


def run(stand: Stand, options: argparse.Namespace, each: int) -> Run:
    """A stretch in which all read, one in which the first `each` read nothing and as many a byte a second."""
    with stand.holdfast() as server, watching(server.port, viewers.request(server.port)) as watchers:
        watchers.says(viewers.joins("hall"))
        watchers.logs(True)
        watchers.opens(options.viewers)
        watchers.joined(options.viewers, viewers.JOINED, 60)
        sale = Sale(server.port, "hall", options.seats, buyers=200, party=4)
        sale.opens()
        rig.say(f"{options.viewers} viewers, all of them read")
        sale.runs(options.changes, min(2, options.seconds))
        began, resident = time.time(), server.resident()
        sale.runs(options.changes, options.seconds / 2)
        rig.say(f"{each} read nothing, {each} a byte a second, for {options.seconds:.0f} s")
        slowed = time.time()
        watchers.pause(0, each)
        watchers.trickle(each, each)
        sale.runs(options.changes, options.seconds)
        resumed, peak = time.time(), server.resident()
        watchers.resume(0, 2 * each)
        rig.say("all of them read on")
        sale.runs(options.changes, 3)
        watchers.settles()
        watchers.opens(1, first=options.viewers)
        stats = watchers.wait(viewers.JOINED, 20)
        story = viewers.story(watchers.story())
    return Run(story, sale, began, slowed, resumed, resident, peak, stats.lost)


def result_of(found: Run, options: argparse.Namespace, each: int) -> report.Result:
    """The rows."""
    result = report.Result("slow", COMMAND)
    number, story = options.viewers, found.story
    wrong = story.wrong(range(number), story.replica(number))
    others = range(2 * each, number, max(1, (number - 2 * each) // SAMPLED))
    alone = rig.percentile(found.sale.seen(story, others, found.began, found.slowed).took, 0.99)
    beside = rig.percentile(found.sale.seen(story, others, found.slowed, found.resumed).took, 0.99)
    newest = version_at(story, others, found.resumed)
    silent = max(right_after(story, range(each), found.resumed, newest))
    dripping = max(right_after(story, range(each, 2 * each), found.resumed, newest))
    ratio, grown, slowest = beside / alone, found.peak - found.resident, max(silent, dripping)
    result.add(
        f"the others' p99 while {2 * each} of {number:,} do not read",
        f"{beside:.0f} ms, {ratio:.2f} of {alone:.0f} ms without them",
        f"≤ {WITHIN} of it",
        reached=ratio <= WITHIN,
        note=f"{options.changes:,} changes/s for {options.seconds:.0f} s",
    )
    result.add(
        "the server's memory meanwhile",
        f"{grown / 1e6:+.1f} MB of {found.resident / 1e6:.0f} MB",
        f"flat (≤ {MEMORY_GOAL / 1e6:.0f} MB)",
        reached=grown <= MEMORY_GOAL,
    )
    result.add(
        "the slow ones right after reading on",
        f"{slowest:.2f} s",
        f"≤ {RIGHT_GOAL:.0f} s",
        reached=slowest <= RIGHT_GOAL and not found.lost,
        note=f"who read nothing {silent:.2f} s, a byte a second {dripping:.2f} s; {found.lost} closed",
    )
    right = number - len(wrong)
    result.add("viewers right in the end", f"{right:,} of {number:,}", "all", reached=not wrong)
    result.facts = {
        "alone_p99_ms": alone, "beside_p99_ms": beside, "grown_bytes": grown, "right_seconds": slowest,
        "wrong": len(wrong), "lost": found.lost,
    }  # fmt: skip
    return result


def main() -> None:
    """The command line."""
    parser = report.parser(__doc__)
    parser.add_argument("--viewers", type=int, default=1000)
    parser.add_argument("--seats", type=int, default=50_000)
    parser.add_argument("--changes", type=int, default=1000, help="seats that change a second, by fours")
    parser.add_argument("--seconds", type=float, default=30, help="that the slow ones are slow")
    options = parser.parse_args()
    if options.quick:
        options.viewers, options.seats, options.changes, options.seconds = 40, 4000, 100, 2
    each = max(1, round(SHARE * options.viewers))
    with rig.stand() as stand:
        rig.say(f"putting {options.seats} seats on sale")
        stand.hall("hall", options.seats)
        found = run(stand, options, each)
    report.finish(result_of(found, options, each), options)


if __name__ == "__main__":
    main()
