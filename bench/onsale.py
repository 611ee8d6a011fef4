"""A hot on-sale on one core: how soon all browsers show what was just taken, and whether they show the truth.

    .venv/bin/python -m bench.onsale --seats 50000 --changes 2000 --viewers 2000

Buyers hold seats and give them back over sockets of the server that the viewers watch. A time begins when
a buyer's command is sent and ends when a viewer (100 of them, spread evenly) reads the frame that shows its
seats. In the end each viewer's map, worked out from the frames it got, is compared with a fresh snapshot.
"""

import argparse
import time
from dataclasses import dataclass

from bench import report, rig, viewers
from bench.buyers import Answers
from bench.rig import Stand
from bench.sale import Sale
from bench.viewers import Story
from bench.watchers import Stats, watching

COMMAND = "make bench-onsale"
GOAL_MS = 250.0
SAMPLED = 100
QUIET = 2.0
"""Seconds in which every viewer has to be right after the last change (I5)."""


@dataclass
class Run:
    """What happened between two times (seconds of the machine's clock), and the processor seconds of it."""

    story: Story
    sale: Sale
    answers: Answers
    began: float
    ended: float
    server_cpu: float
    buyers_cpu: float
    before: Stats
    after: Stats


def run(stand: Stand, options: argparse.Namespace) -> Run:
    """Let them all watch, let the others buy, and have one more look in the end."""
    with stand.holdfast() as server, watching(server.port, viewers.request(server.port)) as watchers:
        watchers.says(viewers.joins("hall"))
        watchers.logs(on=True)
        watchers.opens(options.viewers)
        watchers.joined(options.viewers, viewers.JOINED, 60)
        rig.say(f"{options.viewers} viewers watch")
        sale = Sale(server.port, "hall", options.seats, party=options.party)
        sale.opens()
        rig.say(f"{options.changes} changes a second for {options.seconds:.0f} s")
        before, used, own = watchers.stats(), server.cpu(), time.process_time()
        began = time.time()
        answers = sale.runs(options.changes, options.seconds)
        ended = time.time()
        after, spent, own = watchers.stats(), server.cpu() - used, time.process_time() - own
        watchers.settles()
        time.sleep(QUIET)
        watchers.opens(1, first=options.viewers)
        watchers.wait(viewers.JOINED, 20)
        story = viewers.story(watchers.story())
    return Run(story, sale, answers, began, ended, spent, own, before, after)


def result_of(found: Run, options: argparse.Namespace) -> report.Result:
    """The rows."""
    result = report.Result("onsale", COMMAND)
    story, sale, answers = found.story, found.sale, found.answers
    took = found.ended - found.began
    fresh = story.replica(options.viewers)
    wrong = story.wrong(range(options.viewers), fresh)
    step = max(1, options.viewers // SAMPLED)
    seen = sale.seen(
        story, range(0, options.viewers, step), found.began + (1 if took > 2 else 0), found.ended
    )
    p50, p99 = rig.percentile(seen.took, 0.5), rig.percentile(seen.took, 0.99)
    changes = len(sale.made) / took
    hot = f"{options.seats:,} seats, {changes:,.0f} changes/s, {options.viewers:,} viewers"
    right = options.viewers - len(wrong)
    first = viewers.unlike(story.replica(wrong[0]), fresh) if wrong else ""
    result.add(
        f"viewers right in the end ({hot})",
        f"{right:,} of {options.viewers:,}",
        "all",
        reached=right == options.viewers and found.after.lost == 0 and not answers.refused,
        note=f"{len(answers.refused)} commands refused"
        + (f"; the first wrong one: {first}" if first else ""),
    )
    result.add(
        "from a buyer's command to a viewer's frame",
        f"p50 {p50:.0f} ms, p99 {p99:.0f} ms",
        f"p99 ≤ {GOAL_MS:.0f} ms",
        reached=p99 <= GOAL_MS and changes >= 0.95 * options.changes,
        note=f"{len(seen.took):,} sightings; {seen.unseen} overtaken by a later change",
    )
    frames = found.after.frames - found.before.frames
    result.add("the server's core", f"{100 * found.server_cpu / took:.0f} % busy", note=f"{frames:,} frames")
    watched, bought = (found.after.cpu - found.before.cpu) / took, found.buyers_cpu / took
    loads = f"watchers {100 * watched:.0f} %, buyers {100 * bought:.0f} % of the other core"
    result.add("the load's own cost", loads)
    result.facts = {
        "p50_ms": p50, "p99_ms": p99, "changes_per_second": changes, "wrong": len(wrong), "frames": frames,
        "server_cores": found.server_cpu / took, "answered_p99_ms": answers.ms(0.99),
    }  # fmt: skip
    return result


def main() -> None:
    """The command line."""
    parser = report.parser(__doc__)
    parser.add_argument("--seats", type=int, default=50_000)
    parser.add_argument("--changes", type=int, default=2000, help="seats that change a second")
    parser.add_argument("--viewers", type=int, default=2000)
    parser.add_argument("--party", type=int, default=1, help="seats of a hold")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    if options.quick:
        options.seats, options.changes, options.viewers, options.seconds = 2000, 100, 50, 1
    with rig.stand() as stand:
        rig.say(f"putting {options.seats} seats on sale")
        stand.hall("hall", options.seats)
        found = run(stand, options)
    report.finish(result_of(found, options), options)


if __name__ == "__main__":
    main()
