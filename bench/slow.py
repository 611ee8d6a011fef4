"""Clients that do not read: what the others notice, what it costs, how soon the slow ones are right again.

    .venv/bin/python -m bench.slow --viewers 1000 --seconds 30

One in twenty reads nothing at all, one in twenty a byte a second, while seats change; then all read on.
The others' time from command to frame is compared with that of stretches before and after, in which everybody
reads: p99 of each WINDOW seconds, and the median of these, for one moment at which the machine does something
else decides the p99 of half a minute. A slow one is right again when it has a version at which some other
stood when it began to read.
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
WINDOW = 5.0
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
    calm: float
    ended: float
    resident: int
    peak: int
    lost: int
    cpu: list[float]

    def of_a_frame(self, watchers: range, *stretches: int) -> float:
        """Microseconds of the server, for all it does, by the frames that these got in these stretches."""
        marks = [self.began, self.slowed, self.resumed, self.calm, self.ended]
        times = [when for each in watchers for _, when in self.story.log.events.get(each, ())]
        frames = sum(marks[each] <= when < marks[each + 1] for each in stretches for when in times)
        return 1e6 * sum(self.cpu[each + 1] - self.cpu[each] for each in stretches) / max(1, frames)

    def p99(self, watchers: range, *stretches: tuple[float, float]) -> float:
        """What is typical for a window of these stretches, in milliseconds."""
        found = []
        for since, until in stretches:
            windows = max(1, round((until - since) / WINDOW))
            for number in range(windows):
                begin, end = (since + (until - since) * at / windows for at in (number, number + 1))
                found.append(rig.percentile(self.sale.seen(self.story, watchers, begin, end).took, 0.99))
        return rig.median(found)


def run(stand: Stand, options: argparse.Namespace, each: int) -> Run:
    """All read, then the first `each` read nothing and as many a byte a second, then all read again."""
    with stand.holdfast() as server, watching(server.port, viewers.request(server.port)) as watchers:
        watchers.says(viewers.joins("hall"))
        watchers.logs(True)
        watchers.opens(options.viewers)
        watchers.joined(options.viewers, viewers.JOINED, 60)
        sale = Sale(server.port, "hall", options.seats, buyers=200, party=4)
        sale.opens()
        rig.say(f"{options.viewers} viewers, all of them read")
        sale.runs(options.changes, min(2, options.seconds))
        began, resident, cpu = time.time(), server.resident(), [server.cpu()]
        sale.runs(options.changes, options.seconds / 2)
        rig.say(f"{each} read nothing, {each} a byte a second, for {options.seconds:.0f} s")
        slowed = time.time()
        cpu.append(server.cpu())
        watchers.pause(0, each)
        watchers.trickle(each, each)
        sale.runs(options.changes, options.seconds)
        resumed, peak = time.time(), server.resident()
        cpu.append(server.cpu())
        watchers.resume(0, 2 * each)
        rig.say("all of them read on")
        sale.runs(options.changes, min(3, options.seconds))
        calm = time.time()
        cpu.append(server.cpu())
        sale.runs(options.changes, options.seconds / 2)
        ended = time.time()
        cpu.append(server.cpu())
        watchers.settles()
        watchers.opens(1, first=options.viewers)
        stats = watchers.wait(viewers.JOINED, 20)
        story = viewers.story(watchers.story())
    return Run(story, sale, began, slowed, resumed, calm, ended, resident, peak, stats.lost, cpu)


def result_of(found: Run, options: argparse.Namespace, each: int) -> report.Result:
    """The rows."""
    result = report.Result("slow", COMMAND)
    number, story = options.viewers, found.story
    wrong = story.wrong(range(number), story.replica(number))
    others = range(2 * each, number, max(1, (number - 2 * each) // SAMPLED))
    alone = found.p99(others, (found.began, found.slowed), (found.calm, found.ended))
    beside = found.p99(others, (found.slowed, found.resumed))
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
    reading = range(2 * each, number)
    costs = found.of_a_frame(reading, 1), found.of_a_frame(reading, 0, 3)
    result.add(
        "the server's processor for each frame of the others",
        f"{costs[0]:.1f} µs, {costs[0] / costs[1]:.2f} of {costs[1]:.1f} µs without them",
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
        "wrong": len(wrong), "lost": found.lost, "frame_us": costs,
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
