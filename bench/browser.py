"""A stadium in a real browser while 2,000 of its 50,000 seats change a second.

    .venv/bin/python -m bench.browser

A server, a Redis, buyers over sockets and Chromium with the real page of the hall, at a desk and on a
phone, at three distances: the whole hall, a block, seats with their numbers. The browser's trace says how
much processor time its main thread took for each frame. In the end what was drawn seat by seat is compared,
pixel by pixel, with everything drawn anew, and what the page knows with what a page knows that comes anew.
"""

import contextlib
import os
import random
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from bench import report, rig, stadium, trace
from bench.rig import Holdfast, Stand
from bench.sale import Sale
from scripts.browser import find
from scripts.sell_real_hall import holdfast
from tests.browser.conftest import ARGUMENTS

COMMAND = "make bench-browser"
FRAME_MS = 8.0
REST_LOOKS = 20  # half a second apart, until what is painted in slices is there
PARTY = 5
DEVICES = {
    "desk": {"viewport": {"width": 1440, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "has_touch": True},
}
DISTANCES = ("the whole hall", "a block", "seats readable")
BLOCK_WHEEL = (-240,) * 5

KEEP_FRAMES = """() => {
  globalThis.framesSeen = 0;
  const count = () => { globalThis.framesSeen += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
}"""
LONG_TASKS = """globalThis.longTasks = [];
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) globalThis.longTasks.push([startTime, duration]);
}).observe({ type: "longtask", buffered: true });"""
IS_OPEN = """(last) => {
  const look = document.querySelector("seat-map")?.lookOf(last);
  return look !== undefined && look !== "unknown";
}"""
LOOKS = """(count) => {
  const map = document.querySelector("seat-map");
  return Array.from({ length: count }, (_, seat) => map.lookOf(`s${seat}`)[0]).join("");
}"""
PIXELS = """() => {
  const layers = document.querySelector("seat-map").shadowRoot.querySelectorAll("canvas");
  const [ground, seats] = Array.from(layers, (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const letters = new Uint16Array(data.length / 4);
    for (let at = 0; at < data.length; at += 4) {
      const [red, green, blue] = [data[at] >> 5, data[at + 1] >> 5, data[at + 2] >> 5];
      letters[at / 4] = data[at + 3] >> 5 === 0 ? 32 : 35 + red * 64 + green * 8 + blue;
    }
    return new TextDecoder("utf-16le").decode(letters);
  });
  return [ground, seats];
}"""
AT = "(slot) => document.querySelector('seat-map').pointOf(slot)"
REVEAL = "(slot) => document.querySelector('seat-map').reveal([slot])"


@dataclass
class Seen:
    """What was measured at one distance on one device."""

    device: str
    distance: str
    moved: trace.Work
    work: trace.Work
    frames_a_second: float
    changes_a_second: float


class Picture(NamedTuple):
    """A letter for each pixel, a blank where nothing was painted: what lies below the seats, and they."""

    ground: str
    seats: str


@contextlib.contextmanager
def anywhere() -> Iterator[None]:
    """The browser may use every core, as at a buyer's."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with contextlib.ExitStack() as stack:
        with anywhere():
            playwright = stack.enter_context(sync_playwright())
            browser = playwright.chromium.launch(executable_path=find(), args=list(ARGUMENTS))
        yield browser
        browser.close()


class Storm:
    """Buyers who change seats all over the hall, in a thread of their own."""

    def __init__(self, port: int, seats: int, rate: float) -> None:
        self._only = list(range(seats))
        random.Random(seats).shuffle(self._only)
        self._rate = rate
        self.sale = Sale(port, "hall", seats, buyers=100, party=PARTY, only=self._only)
        self.sale.opens()
        self.refused = 0

    @contextlib.contextmanager
    def blows(self, seconds: float) -> Iterator[None]:
        """While it does, and until all of it was answered."""
        thread = threading.Thread(target=self._run, args=(seconds,))
        thread.start()
        yield
        thread.join()

    def _run(self, seconds: float) -> None:
        self.refused += len(self.sale.runs(self._rate, seconds).refused)


def opens(browser: Browser, server: Holdfast, device: str, seats: int) -> Page:
    """A visitor of their own, who sees the hall."""
    context = browser.new_context(**DEVICES[device], color_scheme="light")
    page = context.new_page()
    page.add_init_script(LONG_TASKS)
    page.goto(f"{server.base_url}/resources/hall")
    page.wait_for_function(IS_OPEN, arg=f"s{seats - 1}", polling=200, timeout=90_000)
    page.wait_for_timeout(1500)
    return page


def goes(page: Page, distance: str) -> None:
    """Nearer, as people do."""
    if distance == "a block":
        point = page.evaluate(AT, "s500")
        page.mouse.move(point["x"], point["y"])
        for step in BLOCK_WHEEL:
            page.mouse.wheel(0, step)
            page.wait_for_timeout(60)  # else several become one, where the mouse is then
        page.mouse.move(0, 0)
    elif distance == "seats readable":
        page.evaluate(REVEAL, "s500")
    page.wait_for_timeout(1200)


def moves(browser: Browser, page: Page, distance: str) -> trace.Work:
    """Go nearer, and the work of it."""
    browser.start_tracing(page=page, categories=list(trace.CATEGORIES))
    goes(page, distance)
    return trace.work(browser.stop_tracing())


def storms(browser: Browser, page: Page, storm: Storm, seconds: float) -> tuple[trace.Work, float, float]:
    """The work of the main thread meanwhile, frames and changes a second."""
    made = len(storm.sale.made)
    with storm.blows(seconds + 1):
        page.wait_for_timeout(500)
        browser.start_tracing(page=page, categories=list(trace.CATEGORIES))
        before = page.evaluate("framesSeen")
        page.wait_for_timeout(seconds * 1000)
        frames = page.evaluate("framesSeen") - before
        found = trace.work(browser.stop_tracing())
    return found, frames / seconds, (len(storm.sale.made) - made) / (seconds + 1)


def differing(one: str, other: str) -> int:
    """How many places differ."""
    return 0 if one == other else sum(a != b for a, b in zip(one, other, strict=True))


def run(stand: Stand, result: report.Result, seats: int, changes: float, seconds: float) -> list[Seen]:
    """Every distance on every device; what was wrong goes into the result."""
    found = []
    with stand.holdfast() as server, chromium() as browser:
        storm = Storm(server.port, seats, changes)
        for device in DEVICES:
            page = trace_opening(browser, server, device, seats, result)
            page.evaluate(KEEP_FRAMES)
            for distance in DISTANCES:
                rig.say(f"{device}, {distance}")
                moved = moves(browser, page, distance)
                found.append(Seen(device, distance, moved, *storms(browser, page, storm, seconds)))
                redraws(f"{device}, {distance}", page, result)
            compares(device, page, opens(browser, server, device, seats), seats, result)
            page.context.close()
        if storm.refused:
            raise RuntimeError(f"{storm.refused} commands of buyers were refused")
    return found


def trace_opening(browser: Browser, server: Holdfast, device: str, seats: int, result: report.Result) -> Page:
    """Open the hall, with the trace of it."""
    rig.say(f"{device}: opening {seats:,} seats")
    context = browser.new_context(**DEVICES[device], color_scheme="light")
    page = context.new_page()
    page.add_init_script(LONG_TASKS)
    page.on("pageerror", lambda error: rig.say(str(error)))
    browser.start_tracing(page=page, categories=list(trace.CATEGORIES))
    page.goto(f"{server.base_url}/resources/hall")
    page.wait_for_function(IS_OPEN, arg=f"s{seats - 1}", polling=200, timeout=90_000)
    page.wait_for_timeout(1500)
    found = trace.work(browser.stop_tracing())
    longest = max(found.tasks)
    result.add(
        f"opening {seats:,} seats ({device}): longest task",
        f"{longest:.0f} ms",
        f"≤ {trace.LONG_MS:.0f} ms",
        reached=longest <= trace.LONG_MS,
        note=f"{len(found.long)} over it; {sum(found.tasks):.0f} ms in all",
    )
    return page


def redraws(where: str, page: Page, result: report.Result) -> None:
    """What was drawn seat by seat, beside what the same page draws anew: dark, and then light again."""
    drawn = at_rest(page)
    page.emulate_media(color_scheme="dark")
    dark = at_rest(page, unlike=drawn)
    page.emulate_media(color_scheme="light")
    again = at_rest(page, unlike=dark)
    wrong = differing(drawn.ground, again.ground) + differing(drawn.seats, again.seats)
    seen = len(drawn.seats) - drawn.seats.count(" ")
    notes = (
        ("it was never drawn anew", drawn == dark),
        (f"no seat in sight, s500 at {_place(page)}", seen == 0),
    )
    result.add(
        f"{where}: drawn right in the end",
        f"{wrong} pixels differ, {seen:,} of seats",
        "none",
        reached=wrong == 0 and seen > 0 and drawn != dark,
        note="; ".join(note for note, holds in notes if holds),
    )


def _place(page: Page) -> str:
    point = page.evaluate(AT, "s500")
    return f"{point['x']:.0f}, {point['y']:.0f}"


def at_rest(page: Page, *, unlike: Picture | None = None) -> Picture:
    """What is painted once nothing is any more, and unlike this; the last seen, if that never comes."""
    before, now = None, Picture(*page.evaluate(PIXELS))
    for _ in range(REST_LOOKS):
        if now == before and now != unlike:
            break
        page.wait_for_timeout(500)
        before, now = now, Picture(*page.evaluate(PIXELS))
    return now


def compares(device: str, page: Page, fresh: Page, seats: int, result: report.Result) -> None:
    """What the page knows in the end, beside one that came anew."""
    wrong = differing(page.evaluate(LOOKS, seats), fresh.evaluate(LOOKS, seats))
    fresh.context.close()
    what = f"{device}: seats that a page that comes anew knows otherwise"
    result.add(what, f"{wrong} of {seats:,}", "none", reached=wrong == 0)


def result_of(result: report.Result, found: list[Seen]) -> None:
    """A row for each device and distance."""
    for seen in found:
        p50, p95 = rig.percentile(seen.work.frames, 0.5), rig.percentile(seen.work.frames, 0.95)
        mean = sum(seen.work.tasks) / max(1, len(seen.work.frames))
        longest, moving = max(seen.work.tasks), max(seen.moved.tasks)
        result.add(
            f"{seen.device}, {seen.distance}: main thread for a frame",
            f"mean {mean:.1f}, p50 {p50:.1f}, p95 {p95:.1f} ms",
            f"mean ≤ {FRAME_MS:.0f} ms, no task > {trace.LONG_MS:.0f} ms",
            reached=mean <= FRAME_MS and max(longest, moving) <= trace.LONG_MS,
            note=f"{seen.frames_a_second:.0f} frames/s, {seen.changes_a_second:,.0f} changes/s; "
            f"longest task {longest:.0f} ms, {moving:.0f} ms when moved there",
        )
        result.facts[f"{seen.device}, {seen.distance}"] = {
            "mean_ms": mean, "p95_ms": p95, "longest_ms": longest, "frames_a_second": seen.frames_a_second,
            "moving_ms": moving,
        }  # fmt: skip


def main() -> None:
    """The command line."""
    parser = report.parser(__doc__)
    parser.add_argument("--seats", type=int, default=50_000)
    parser.add_argument("--changes", type=float, default=2000, help="seats that change a second")
    parser.add_argument("--seconds", type=float, default=3, help="at each distance")
    options = parser.parse_args()
    if options.quick:
        options.seats, options.changes, options.seconds = 2000, 200, 0.5
    result = report.Result("browser", COMMAND)
    with rig.stand() as stand:
        path = stand.state / "hall.csv"
        stadium.write(path, options.seats)
        holdfast("import", path, "--resource", "hall", environment=stand.environment)
        found = run(stand, result, options.seats, options.changes, options.seconds)
    result_of(result, found)
    report.finish(result, options)


if __name__ == "__main__":
    sys.exit(main())
