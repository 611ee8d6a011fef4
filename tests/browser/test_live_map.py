"""Everybody sees the same, and what is one's own stays one's own."""

import re

from playwright.async_api import expect

from tests.browser.visitor import HALL, PATIENCE, PHONE, Visitor, Visits

MAP = f"/resources/{HALL}"
# In pixels, once two frames in a row have drawn them so.
FARTHER = """([one, other, before]) => {
  const map = document.querySelector("seat-map");
  const [from, to] = [map.pointOf(one), map.pointOf(other)];
  const [now, was] = [Math.hypot(from.x - to.x, from.y - to.y), window.apartBefore];
  window.apartBefore = now;
  return now > before && now === was && now;
}"""

KEEPS_CANVASES = """
window.canvases = new Set();
const { getContext } = HTMLCanvasElement.prototype;
HTMLCanvasElement.prototype.getContext = function (...wanted) {
  canvases.add(this);
  return getContext.apply(this, wanted);
};
"""
PICTURES = """() => Array.from(
  document.querySelector("seat-map").shadowRoot.querySelectorAll("canvas"), (canvas) => canvas.toDataURL())"""
# Once two frames in a row have drawn it so.
PAINTED = f"""() => {{
  const [now, before] = [({PICTURES})(), window.paintedBefore];
  window.paintedBefore = now;
  return JSON.stringify(now) === JSON.stringify(before) && now;
}}"""
PAINTED_AS = f"(painted) => JSON.stringify(({PICTURES})()) === JSON.stringify(painted)"
GRAPHICS_BEGIN_ANEW = f"""() => {{
  for (const canvas of canvases) canvas.getContext("2d").reset();
  const pictures = ({PICTURES})();
  for (const canvas of document.querySelector("seat-map").shadowRoot.querySelectorAll(".stage > canvas"))
    canvas.dispatchEvent(new Event("contextrestored"));
  return pictures;
}}"""


async def seats(visitor: Visitor, category: str = "Premium") -> list[str]:
    """Ids of a category's seats, in the order of the plan."""
    found: list[str] = await visitor.page.evaluate(
        """async ([hall, category]) => {
          const resource = await (await fetch(`/api/resources/${hall}`)).json();
          return resource.slots.filter((slot) => slot.category === category).map((slot) => slot.id);
        }""",
        [HALL, category],
    )
    return found


async def test_a_hold_is_drawn_in_the_other_browser_and_so_is_its_end(ann: Visitor, ben: Visitor) -> None:
    await ann.opens(MAP)
    await ben.opens(MAP)
    seat = (await seats(ann))[3]
    await ann.takes(seat)
    await ben.sees(seat, "held")
    await ann.clicks_seat(seat)
    await ann.sees(seat, "available")
    await ben.sees(seat, "available")


async def test_of_two_who_click_at_once_one_gets_it_and_the_other_is_told(ann: Visitor, ben: Visitor) -> None:
    await ann.opens(MAP)
    await ben.opens(MAP)
    seat = (await seats(ann))[3]
    await ann.sees(seat, "available")
    await ben.sees(seat, "available")
    await ben.page.evaluate("document.querySelector('seat-map').refresh = () => {}")
    await ann.takes(seat)
    await ben.clicks_seat(seat)
    await ben.is_told("Somebody was faster")
    await expect(ben.page.locator("cart-panel .lines li")).to_have_count(0)


async def test_ones_own_seat_is_marked_after_reload_back_and_in_a_second_tab(ann: Visitor) -> None:
    await ann.opens(MAP)
    seat = (await seats(ann))[3]
    await ann.takes(seat)
    await ann.page.reload()
    await ann.sees(seat, "mine")
    tab = await ann.opens_tab(MAP)
    await tab.sees(seat, "mine")
    await ann.clicks("Check out")
    await ann.page.wait_for_url("**/booking")
    await ann.is_live()
    await ann.reads("Premium")
    await ann.page.go_back()
    await ann.sees(seat, "mine")
    await tab.clicks_seat(seat)
    await ann.sees(seat, "available")


async def test_the_best_places_are_found_and_shown(ann: Visitor) -> None:
    await ann.opens(MAP)
    await ann.page.get_by_label("Places", exact=True).select_option("4")
    await ann.page.get_by_label("Category", exact=True).select_option("Circle")
    await ann.clicks("Find them for me")
    await expect(ann.page.locator("cart-panel .lines li")).to_have_count(4, timeout=PATIENCE)
    await ann.hears("4 places are held for you.")


async def test_giving_back_from_the_cart_frees_the_seat(ann: Visitor, ben: Visitor) -> None:
    await ann.opens(MAP)
    await ben.opens(MAP)
    first, second = (await seats(ann))[3:5]
    await ann.takes(first)
    await ann.takes(second)
    await ann.page.get_by_role("button", name="Remove").first.click()
    await ben.sees(first, "available")
    await ann.sees(second, "mine")
    await expect(ann.page.locator("cart-panel .lines li")).to_have_count(1)


async def test_on_a_phone_a_tap_comes_closer_and_the_next_takes_the_seat(visits: Visits) -> None:
    ann = await visits.enter(size=PHONE, touch=True)
    await ann.opens(MAP)
    seat, beside = (await seats(ann))[30:32]
    await ann.sees(seat, "available")
    apart = await (await ann.page.wait_for_function(FARTHER, arg=[seat, beside, 0])).json_value()
    await ann.page.touchscreen.tap(*await ann.point("seat-map", seat))
    await ann.page.wait_for_function(FARTHER, arg=[seat, beside, apart])
    await ann.sees(seat, "available")
    await ann.page.touchscreen.tap(*await ann.point("seat-map", seat))
    await ann.sees(seat, "mine")
    await expect(ann.page.get_by_text("1 place held")).to_be_visible()


async def test_the_list_is_the_same_map(ann: Visitor, ben: Visitor) -> None:
    await ann.opens(MAP)
    await ben.opens(MAP)
    await ann.clicks("List")
    listed = ann.page.locator("seat-map .list")
    await listed.locator("summary", has_text="Left boxes").click()
    await listed.locator("summary", has_text="Row").locator("visible=true").first.click()
    seat = listed.get_by_role("button", name=re.compile(r"seat 1\b")).locator("visible=true").first
    await seat.click()
    await expect(seat).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    await expect(ann.page.locator("cart-panel .lines li")).to_have_count(1)


async def test_a_map_is_painted_again_when_its_graphics_began_anew(ann: Visitor) -> None:
    """After a driver is reset all canvases come back empty, and those in the page say so."""
    await ann.page.add_init_script(KEEPS_CANVASES)
    await ann.opens(MAP)
    await ann.sees((await seats(ann))[3], "available")
    await ann.clicks("Zoom in")
    chip = ann.page.get_by_role("button", name="Premium").first
    await chip.click()
    painted = await (await ann.page.wait_for_function(PAINTED, timeout=PATIENCE)).json_value()
    assert await ann.page.evaluate(GRAPHICS_BEGIN_ANEW) != painted
    await ann.page.wait_for_function(PAINTED_AS, arg=painted, timeout=PATIENCE)
    await expect(chip).to_have_attribute("aria-pressed", "true")
