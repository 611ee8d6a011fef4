"""Visitors in a real browser, so that tests read as sentences.

    await ann.opens(f"/resources/{HALL}")
    await ann.takes("C-12")
    await ben.sees("C-12", "held")

Nothing here measures time: what is waited for comes, or the test fails after PATIENCE.
"""

import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.support.door import jwt_of

HALL = "meridian-hall"
TOUR = "museum-tour"
PATIENCE = 45_000
expect.set_options(timeout=PATIENCE)  # a busy machine is no failure
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
AXE = Path(__file__).parent / "vendor" / "axe.min.js"

Scheme = Literal["light", "dark"]

LOOKS_AS = """([slot, look]) => document.querySelector("seat-map")?.lookOf(slot) === look"""
# What comes into sight, or beside it, moves it: where it is pressed, two frames in a row have drawn it.
# A promise would be waited for once and count as true whatever it came to: what was drawn before is kept.
POINT_OF = """([path, id]) => {
  const board = path.reduce((root, name) => (root?.shadowRoot ?? root)?.querySelector(name), document);
  const [now, before] = [board?.pointOf(id), window.drawnBefore];
  window.drawnBefore = now && { id, x: now.x, y: now.y };
  return now && before && before.id === id && before.x === now.x && before.y === now.y && now;
}"""
# A notice is there for seconds; a busy machine may look late, so each page keeps what it has shown.
# So it is with what is said aloud, of which something else may be said a second later.
KEEPS_NOTICES = """
window.saidAloud = [];
{
  const listen = (root) => new MutationObserver((changes) => {
    for (const { target } of changes) {
      const element = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
      const region = element?.closest?.("[role=status]");
      if (region) saidAloud.push(region.textContent);
    }
  }).observe(root, { childList: true, characterData: true, subtree: true });
  const { attachShadow } = Element.prototype;
  Element.prototype.attachShadow = function (options) {
    const root = attachShadow.call(this, options);
    listen(root);
    return root;
  };
  listen(document);
}
window.noticesShown = [];
new MutationObserver((changes) => {
  for (const { addedNodes } of changes)
    for (const node of addedNodes)
      if (node.matches?.(".notice") && node.checkVisibility()) noticesShown.push(node.textContent);
}).observe(document, { childList: true, subtree: true });
"""
# What is still coming has other colours than what is there.
HAS_ARRIVED = """() => Promise.allSettled(document.getAnimations()
  .filter(({ effect }) => effect.getComputedTiming().endTime < Infinity).map(({ finished }) => finished))"""
# What Chromium says where a page waits for its line no longer and tries again, as it should.
GAVE_UP = "WebSocket is closed before the connection is established"
WAS_SAID = "(text) => saidAloud.some((said) => said.includes(text))"
WAS_TOLD = "(text) => noticesShown.some((shown) => shown.includes(text))"
FOCUSED = """() => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  const name = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
  return name.trim().replace(/\\s+/g, " ");
}"""


@dataclass
class Visitor:
    """One browser profile and the tab it looks at. `complaints` are errors of its console."""

    context: BrowserContext
    page: Page
    base_url: str
    complaints: list[str] = field(default_factory=list)
    forgiven: tuple[str, ...] = (GAVE_UP,)

    def listen(self, page: Page) -> None:
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("dialog", lambda dialog: self.complaints.append(f"{page.url}: dialog {dialog.message}"))
        page.set_default_timeout(PATIENCE)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if not any(words in message.text for words in self.forgiven):
            self.complaints.append(f"{message.location.get('url', '')}: {message.text}")

    def forgives(self, *words: str) -> None:
        """Errors with these words are the point of this test."""
        self.forgiven += words

    async def opens(self, path: str) -> None:
        """Go to a page and wait until it is live."""
        await self.page.goto(self.base_url + path)
        await self.is_live()

    async def is_live(self) -> None:
        await expect(self.page.locator("connection-state[data-level=live]").first).to_be_visible(
            timeout=PATIENCE
        )

    async def signs_in(self, user: str, *, roles: Sequence[str] = ("buyer",), to: str = "/") -> None:
        """Come from where one has an account, say that it is oneself, and go on to a page that is live."""
        name = user.title()
        token = jwt_of(user, name=name, roles=roles)
        await self.page.goto("about:blank")  # else another fragment alone would load nothing
        await self.page.goto(f"{self.base_url}/sign-in#token={token}&next={quote(to, safe='')}")
        await self.clicks(f"Sign in as {name}")
        await self.page.wait_for_url(self.base_url + to)
        await self.is_live()

    async def opens_tab(self, path: str) -> "Visitor":
        """Another tab of the same browser."""
        page = await self.context.new_page()
        tab = Visitor(self.context, page, self.base_url, self.complaints, self.forgiven)
        tab.listen(page)
        await tab.opens(path)
        return tab

    async def sees(self, slot: str, look: str) -> None:
        """Wait until the map draws a seat like this: available, held, sold, mine."""
        await self.page.wait_for_function(LOOKS_AS, arg=[slot, look], timeout=PATIENCE)

    async def point(self, board: str, slot: str | int) -> tuple[float, float]:
        """Where a board, named with the elements around it, has a slot once that stays in its place."""
        handle = await self.page.wait_for_function(POINT_OF, arg=[board.split(), slot], timeout=PATIENCE)
        found = await handle.json_value()
        return found["x"], found["y"]

    async def clicks_seat(self, slot: str) -> None:
        await self.page.mouse.click(*await self.point("seat-map", slot))

    async def takes(self, slot: str) -> None:
        """Click a free seat and wait until it is one's own."""
        await self.sees(slot, "available")
        await self.clicks_seat(slot)
        await self.sees(slot, "mine")

    async def reads(self, text: str | re.Pattern[str]) -> None:
        """Wait for a text to be there, to be seen or heard."""
        await expect(self.page.get_by_text(text).first).to_be_attached(timeout=PATIENCE)

    async def is_told(self, text: str) -> None:
        """Wait for a notice, or find that this page has shown it."""
        await self.page.wait_for_function(WAS_TOLD, arg=text, timeout=PATIENCE)

    async def hears(self, text: str) -> None:
        """Wait for something to be said to those who do not see it, or find that this page has said it."""
        await self.page.wait_for_function(WAS_SAID, arg=text, timeout=PATIENCE)

    async def has_title(self, title: str) -> None:
        """Wait for the page's heading."""
        await expect(self.page.get_by_role("heading", level=1, name=title)).to_be_visible(timeout=PATIENCE)

    async def clicks(self, name: str) -> None:
        """Press a button or follow a link by its name."""
        button = self.page.get_by_role("button", name=name, exact=True)
        await (
            button.or_(self.page.get_by_role("link", name=name, exact=True))
            .locator("visible=true")
            .first.click()
        )

    async def fills_in(self, name: str = "Ann Buyer", email: str = "ann@example.com") -> None:
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("E-mail").fill(email)

    async def books(self) -> None:
        """From a cart to the payment page."""
        await self.opens("/booking")
        await self.fills_in()
        await self.clicks("Go to payment")
        await self.page.wait_for_url("**/sandbox/payments/*")

    async def tabs_to(self, name: str, *, limit: int = 80) -> None:
        """Press Tab until what has the focus is named like this."""
        passed = []
        for _ in range(limit):
            await self.page.keyboard.press("Tab")
            focused = await self.page.evaluate(FOCUSED)
            if name in focused:
                return
            passed.append(focused[:40])
        raise AssertionError(f"{name!r} is not reached by Tab, only {passed}")

    async def violations(self) -> list[str]:
        """What axe-core finds wrong with the page."""
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        await self.page.evaluate(HAS_ARRIVED)
        result: dict[str, Any] = await self.page.evaluate("() => axe.run()")
        return [
            f"{found['id']}: {found['help']}: {node['html'][:160]} {node['failureSummary'][:300]}"
            for found in result["violations"]
            for node in found["nodes"]
        ]


@dataclass
class Visits:
    """Opens a browser profile for each visitor."""

    browser: Browser
    base_url: str
    stack: AsyncExitStack
    visitors: list[Visitor] = field(default_factory=list)

    async def enter(
        self,
        *,
        size: dict[str, int] | None = None,
        scheme: Scheme = "light",
        touch: bool = False,
        zone: str = "Europe/Berlin",
    ) -> Visitor:
        chosen = size or DESK
        context = await self.browser.new_context(
            viewport={"width": chosen["width"], "height": chosen["height"]},
            color_scheme=scheme,
            has_touch=touch,
            locale="en-GB",
            timezone_id=zone,
        )
        self.stack.push_async_callback(context.close)
        await context.add_init_script(KEEPS_NOTICES)
        page = await context.new_page()
        visitor = Visitor(context, page, self.base_url)
        visitor.listen(page)
        self.visitors.append(visitor)
        return visitor

    def check(self) -> None:
        """No page complained."""
        complaints = [complaint for visitor in self.visitors for complaint in visitor.complaints]
        assert not complaints, "\n".join(complaints)
