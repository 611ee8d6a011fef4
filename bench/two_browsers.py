"""How long from a click in one browser to the frame of another that shows it.

    .venv/bin/python -m bench.two_browsers --clicks 100

Two Chromium processes, a server process, a Redis and a PostgreSQL, all real, all on this machine. Both
browsers read the same clock, so the figure is the difference of two of its readings: the `pointerdown` event
in the one, and the end of the animation frame in which the other draws the seat as held.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import Browser, BrowserType, async_playwright

from scripts.sell_real_hall import holdfast, servers
from server.embedded.seed import CATALOGUE
from tests.browser.conftest import ARGUMENTS, ROOT
from tests.browser.visitor import HALL, Visitor, Visits
from tests.support.processes import Process

NOTE_CLICKS = """() => addEventListener("pointerdown", () => {
  globalThis.clickedAt = performance.timeOrigin + performance.now();
}, { capture: true })"""

FRAME_OF = """(slot) => new Promise((resolve) => {
  const map = document.querySelector("seat-map");
  const look = () => requestAnimationFrame(() => {
    if (map.lookOf(slot) !== "held") return look();
    setTimeout(() => resolve(performance.timeOrigin + performance.now()));  // after this frame was drawn
  });
  look();
})"""

SEATS = """async (hall) => (await (await fetch(`/api/resources/${hall}`)).json()).slots
  .filter((slot) => slot.section === "Stalls" && !slot.accessible).map((slot) => slot.id)"""


async def one_click(clicker: Visitor, watcher: Visitor, seat: str) -> float:
    """Milliseconds from the click to the other's frame; the seat is free again afterwards."""
    frame = asyncio.create_task(watcher.page.evaluate(FRAME_OF, seat))
    await clicker.clicks_seat(seat)
    shown: float = await frame
    clicked: float = await clicker.page.evaluate("clickedAt")
    await clicker.sees(seat, "mine")
    await clicker.clicks_seat(seat)
    await watcher.sees(seat, "available")
    return shown - clicked


def chromium() -> str:
    """The browser that the tests use."""
    finder = [sys.executable, str(ROOT / "scripts/browser.py")]
    return subprocess.run(finder, check=True, capture_output=True, text=True).stdout.strip()


async def visit(browser: BrowserType, address: str, stack: AsyncExitStack) -> Visitor:
    """A browser process of its own, looking at the hall."""
    path = await asyncio.to_thread(chromium)
    started: Browser = await browser.launch(executable_path=path, args=list(ARGUMENTS))
    stack.push_async_callback(started.close)
    visitor = await Visits(started, address, stack).enter()
    await visitor.opens(f"/resources/{HALL}")
    return visitor


async def measure(environment: dict[str, str], state: Path, clicks: int) -> list[float]:
    async with (
        Process(environment, state / "server.log") as process,
        async_playwright() as playwright,
        AsyncExitStack() as stack,
    ):
        clicker = await visit(playwright.chromium, process.base_url, stack)
        watcher = await visit(playwright.chromium, process.base_url, stack)
        await clicker.page.evaluate(NOTE_CLICKS)
        seats: list[str] = await clicker.page.evaluate(SEATS, HALL)
        found = []
        for number in range(clicks):
            found.append(await one_click(clicker, watcher, seats[number % len(seats)]))
            print(f"\r{number + 1} of {clicks}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clicks", type=int, default=100)
    clicks: int = parser.parse_args().clicks
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder, servers(Path(folder)) as environment:
        holdfast("migrate", environment=environment)
        holdfast("import", CATALOGUE, environment=environment)
        found = asyncio.run(measure(environment, Path(folder), clicks))
    cuts = statistics.quantiles(found, n=20, method="inclusive")
    print(
        f"click to the other's frame, {len(found)} clicks: "
        f"p50 {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms, max {max(found):.0f} ms"
    )


if __name__ == "__main__":
    main()
