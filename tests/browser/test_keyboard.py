"""The keyboard alone finds, holds and pays; on the map and in the list."""

from playwright.async_api import expect

from tests.browser.visitor import HALL, PATIENCE, Visitor


async def test_find_hold_and_pay_without_a_mouse(ann: Visitor) -> None:
    keyboard = ann.page.keyboard
    await ann.opens("/")
    await expect(ann.page.get_by_role("link", name="Winter Serenade")).to_be_visible(timeout=PATIENCE)
    await ann.tabs_to("Winter Serenade")
    await keyboard.press("Enter")
    await ann.page.wait_for_url(f"**/resources/{HALL}")
    await ann.is_live()
    await expect(ann.page.get_by_role("button", name="seat 1, ")).to_be_attached(timeout=PATIENCE)
    await ann.tabs_to(", seat 1, ")
    await keyboard.press("ArrowRight")
    await keyboard.press("Enter")
    await expect(ann.page.locator("cart-panel .lines li")).to_have_count(1, timeout=PATIENCE)
    await ann.hears("is held for you.")
    await ann.tabs_to("Check out")
    await keyboard.press("Enter")
    await ann.page.wait_for_url("**/booking")
    await expect(ann.page.locator("#checkout")).to_be_visible(timeout=PATIENCE)
    await ann.tabs_to("Name")
    await keyboard.type("Ann Keys")
    await ann.tabs_to("E-mail")
    await keyboard.type("ann@example.com")
    await ann.tabs_to("Go to payment")
    await keyboard.press("Enter")
    await ann.page.wait_for_url("**/sandbox/payments/*")
    await expect(ann.page.get_by_role("button", name="Pay", exact=True)).to_be_visible(timeout=PATIENCE)
    await ann.tabs_to("Pay")
    await keyboard.press("Enter")
    await ann.has_title("You're booked")


async def test_the_list_is_walked_by_tab_and_toggled_by_space(ann: Visitor) -> None:
    keyboard = ann.page.keyboard
    await ann.opens(f"/resources/{HALL}")
    await expect(ann.page.get_by_role("button", name="seat 1, ")).to_be_attached(timeout=PATIENCE)
    await ann.tabs_to("List")
    await keyboard.press("Enter")
    await ann.tabs_to("Circle")
    await keyboard.press("Enter")
    await ann.tabs_to("Row")
    await keyboard.press("Enter")
    await ann.tabs_to(", seat 2, ")
    await keyboard.press("Space")
    await expect(ann.page.locator(".seat:focus")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
    await keyboard.press("Space")
    await expect(ann.page.locator("cart-panel .lines li")).to_have_count(0, timeout=PATIENCE)


async def test_who_removes_a_place_by_keyboard_stays_in_the_cart(ann: Visitor) -> None:
    await ann.opens(f"/resources/{HALL}")
    await ann.clicks("Find them for me")
    await expect(ann.page.locator("cart-panel .lines li")).to_have_count(2, timeout=PATIENCE)
    await ann.page.get_by_role("button", name="Remove").first.focus()
    await ann.page.keyboard.press("Enter")
    await expect(ann.page.locator("cart-panel .lines li")).to_have_count(1, timeout=PATIENCE)
    await expect(ann.page.get_by_role("button", name="Remove")).to_be_focused()
