"""Who is signed in, in a real browser: brought by a link, known to all tabs, with the cart of before."""

from playwright.async_api import expect

from tests.browser.visitor import HALL, Visitor, Visits
from tests.support.door import jwt_of

HALL_PAGE = f"/resources/{HALL}"


async def test_who_signs_in_keeps_their_cart_in_every_tab(ann: Visitor) -> None:
    await ann.opens(HALL_PAGE)
    await ann.takes("Stalls-C-12")
    tab = await ann.opens_tab(HALL_PAGE)
    async with tab.page.expect_websocket():  # the tab's line begins anew
        await ann.signs_in("ann", to=HALL_PAGE)
    await ann.sees("Stalls-C-12", "mine")
    assert "token" not in ann.page.url
    await tab.is_live()
    await tab.sees("Stalls-C-12", "mine")
    await tab.takes("Stalls-C-13")
    await ann.sees("Stalls-C-13", "mine")
    await ann.page.reload()
    await ann.sees("Stalls-C-13", "mine")
    cookies = await ann.context.cookies()
    answer = await ann.context.request.get(f"{ann.base_url}/api/cart")  # with the cookie alone
    assert cookies
    assert answer.status == 401


async def test_who_signs_out_leaves_their_cart_behind(ann: Visitor) -> None:
    await ann.opens(HALL_PAGE)
    await ann.takes("Stalls-C-12")
    tab = await ann.opens_tab(HALL_PAGE)  # it keeps the cart while the other is between pages
    async with tab.page.expect_websocket():
        await ann.signs_in("ann", to="/")
    await tab.is_live()
    await tab.sees("Stalls-C-12", "mine")
    await ann.page.goto(f"{ann.base_url}/sign-in")
    await ann.has_title("You are Ann")
    assert await ann.violations() == []
    await ann.clicks("Sign out")
    await ann.has_title("You are not signed in")
    assert await ann.violations() == []
    await tab.is_live()
    await tab.sees("Stalls-C-12", "held")
    assert await ann.page.evaluate("() => localStorage.length") == 0


async def test_a_link_from_elsewhere_signs_nobody_in_unasked(ann: Visitor) -> None:
    await ann.opens(HALL_PAGE)
    await ann.takes("Stalls-C-12")
    link = f"{ann.base_url}/sign-in#token={jwt_of('eve', name='Eve')}&next={HALL_PAGE}"
    await ann.page.goto("about:blank")
    await ann.page.goto(link)
    await ann.has_title("Sign in as Eve?")
    assert await ann.page.evaluate("() => localStorage.length") == 0
    assert await ann.violations() == []
    await ann.clicks("Go on without")
    await ann.is_live()
    await ann.sees("Stalls-C-12", "mine")
    assert await ann.page.evaluate("() => localStorage.length") == 0


async def test_who_began_to_sign_in_here_is_not_asked(ann: Visitor) -> None:
    await ann.page.goto(f"{ann.base_url}/my-bookings")
    await ann.clicks("Sign in")
    await ann.has_title("You are not signed in")
    token = jwt_of("ann", name="Ann")
    await ann.page.goto("about:blank")  # where one has an account
    await ann.page.goto(f"{ann.base_url}/sign-in#token={token}&next={HALL_PAGE}")
    await ann.page.wait_for_url(f"{ann.base_url}{HALL_PAGE}")
    await ann.is_live()


async def test_a_link_makes_nobody_somebody_else_unasked(ann: Visitor, visits: Visits) -> None:
    await ann.signs_in("ann")
    await ann.page.goto("about:blank")
    await ann.page.goto(f"{ann.base_url}/sign-in#token={jwt_of('eve', name='Eve')}&next=//evil.example/")
    await ann.has_title("You are Ann")
    assert ann.page.url == f"{ann.base_url}/sign-in"
    await ann.reads("signs you in as Eve")
    await ann.clicks("Become Eve")
    await ann.page.wait_for_url(f"{ann.base_url}/")
    kept = await ann.page.evaluate("() => localStorage.getItem('holdfast.user')")
    assert jwt_of("eve").split(".")[0] in kept
    stranger = await visits.enter()
    stranger.forgives("401")
    await stranger.page.goto(f"{stranger.base_url}/sign-in#token={jwt_of('ann', seconds=-60)}")
    await stranger.clicks("Sign in as ann")
    await stranger.has_title("That did not work")
    await expect(stranger.page.get_by_role("button", name="Sign out")).to_be_hidden()
