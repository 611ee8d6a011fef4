"""A driveway's page: all see the same time as it happens, and what is chosen is held whole or not at all."""

from playwright.async_api import expect

from tests.browser.visitor import PATIENCE, PHONE, Visitor, Visits
from tests.browser.yard import PAGE, SHED, Driver, shop

__all__ = ["shop"]


async def test_a_range_is_held_here_and_drawn_there_and_is_ones_own_in_every_tab(
    ann: Visitor, ben: Visitor
) -> None:
    driver, other = Driver(ann), Driver(ben)
    await driver.opens()
    await other.opens()
    await driver.holds("09:00", "10:45")
    await other.sees("09:00", "held")
    await other.sees("10:45", "held")
    await other.sees("11:00", "held")
    await driver.sees("11:00", "kept")
    await other.sees("11:15", "free")
    await expect(ann.page.locator("cart-panel .lines li")).to_contain_text("09:00\N{EN DASH}11:00")
    await expect(ann.page.locator("cart-panel .lines li")).to_contain_text("€4.80")
    await ann.page.reload()
    await driver.views(1)
    await driver.sees("09:00", "mine")
    tab = Driver(await ann.opens_tab(PAGE))
    await tab.views(1)
    await tab.sees("10:45", "mine")
    await tab.visitor.page.get_by_role("button", name="Remove").click()
    await driver.sees("11:00", "free")
    await other.sees("09:00", "free")


async def test_lengths_have_prices_and_what_somebody_takes_meanwhile_is_taken_out_of_a_choice(
    ann: Visitor, ben: Visitor
) -> None:
    driver, other = Driver(ann), Driver(ben)
    await other.opens()
    await other.holds("12:00", "12:45")
    await driver.opens()
    await driver.sees("12:00", "held")
    await driver.clicks("09:00")
    await driver.has_chosen("09:00\N{EN DASH}09:30")
    lengths = ann.page.locator("#lengths button")
    taken = "Some of it is taken"
    prices = [
        "30 min · €1.20",
        "1 h · €2.40",
        "2 h · €4.80",
        f"4 h · €9.60: {taken}",
        f"8 h · €19.20: {taken}",
    ]
    await expect(lengths).to_have_text(prices, timeout=PATIENCE)
    await expect(lengths.nth(3)).to_be_disabled()
    await lengths.nth(2).click()
    await driver.has_chosen("09:00\N{EN DASH}11:00")
    await is_sound(ann)
    await other.holds("10:30", "11:15")
    await driver.has_chosen("09:00\N{EN DASH}10:15")
    await expect(ann.page.locator("#choice-note")).to_contain_text("Somebody was faster")
    await driver.clicks("12:00")
    await ann.hears("held by somebody else")


async def test_of_two_who_hold_the_same_time_one_has_it_and_the_other_is_told(
    ann: Visitor, ben: Visitor
) -> None:
    driver, other = Driver(ann), Driver(ben)
    await driver.opens()
    await other.opens()
    await other.chooses("14:00", "15:45")
    await ben.page.evaluate("document.querySelector('time-grid').refresh = () => {}")
    await driver.holds("15:00", "16:45")
    await ben.page.locator("#hold").click()
    await ben.reads("Somebody was faster")
    await expect(ben.page.locator("cart-panel .lines li")).to_have_count(0)


async def test_the_keyboard_alone_chooses_and_holds(ann: Visitor) -> None:
    driver = Driver(ann)
    keyboard = ann.page.keyboard
    await driver.opens()
    await driver.sees("07:00", "free")
    await ann.page.get_by_role("button", name="Day", exact=True).focus()
    await ann.tabs_to("07:00")
    await keyboard.press("ArrowDown")
    for _ in range(5):
        await keyboard.press("Shift+ArrowRight")
    await driver.has_chosen("08:00\N{EN DASH}09:30")
    await ann.hears("1 h 30 min")
    await keyboard.press("Enter")
    await expect(ann.page.locator("#hold")).to_be_focused()
    await keyboard.press("Enter")
    await driver.sees("09:15", "mine")
    await ann.hears("The place is held for you")


async def test_a_drag_chooses_and_another_week_is_live_too(ann: Visitor, ben: Visitor) -> None:
    driver, other = Driver(ann), Driver(ben)
    await driver.opens()
    await other.opens()
    for each in (ann, ben):
        await each.page.get_by_role("button", name="Later days").click()
    await driver.views(8)
    await other.views(8)
    await other.sees("09:00", "free", 8)
    await driver.sees("09:00", "free", 8)
    await ann.page.mouse.move(*await driver.point("09:00", 8))
    await ann.page.mouse.down()
    await ann.page.mouse.move(*await driver.point("10:30", 8), steps=8)
    await ann.page.mouse.up()
    await driver.has_chosen("09:00\N{EN DASH}10:45")
    await ann.page.locator("#hold").click()
    await other.sees("09:00", "held", 8)
    await driver.sees("10:30", "mine", 8)


async def test_on_a_phone_a_tap_in_the_week_leads_to_the_day_and_two_more_choose(visits: Visits) -> None:
    ann = await visits.enter(size=PHONE, touch=True, scheme="dark")
    driver = Driver(ann)
    await ann.opens(PAGE)
    await ann.clicks("Week")
    await driver.sees("12:00", "free")
    await driver.taps("12:00")
    await expect(ann.page.locator("time-grid")).to_have_attribute("view", "day")
    await driver.taps("12:00")
    await driver.taps("13:45")
    await ann.page.locator("#grip-hold").click()
    await driver.sees("13:45", "mine")
    await expect(ann.page.get_by_text("1 place held")).to_be_visible(timeout=PATIENCE)
    await ann.opens(f"/resources/{SHED}")
    await ann.clicks("Week")
    await is_sound(ann)
    await ann.opens("/booking")
    await ann.page.get_by_label("Tell the owner where I am coming from").check()
    await is_sound(ann)


async def is_sound(visitor: Visitor) -> None:
    """axe-core finds nothing wrong, and nothing is wider than the screen."""
    assert await visitor.violations() == [], visitor.page.url
    wide = await visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide, visitor.page.url
