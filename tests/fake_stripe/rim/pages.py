"""Stripe's own pages: the script, the frame for cards, the bank's challenge, and the hosted Checkout page."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.fake_stripe.core import attempt, sessions
from tests.fake_stripe.core.account import Account
from tests.fake_stripe.core.amount import shown
from tests.fake_stripe.core.intent import Intent
from tests.fake_stripe.core.refusal import Refused
from tests.fake_stripe.core.session import Session

FOLDER: Final = Path(__file__).parent.parent / "pages"
TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
OVERLAY: Final = '<script src="/js/challenge.js" defer></script>'
ASSETS: Final = frozenset(["element.js", "element.css", "page.css", "challenge.js"])


@dataclass
class Pages:
    """`happened` is called after each effect."""

    account: Account
    clock: Callable[[], int]
    happened: Callable[[], None]

    def routes(self) -> list[Route]:
        return [
            Route("/v3", self.script),
            Route("/v3/", self.script),
            Route("/js/element", self.element),
            Route("/js/{name}", self.asset),
            Route("/3ds/{id}", self.challenge),
            Route("/3ds/{id}", self.challenged, methods=["POST"]),
            Route("/c/pay/{id}", self.checkout),
            Route("/c/pay/{id}", self.checked_out, methods=["POST"]),
        ]

    async def script(self, _request: Request) -> Response:
        return _file("stripe.js")

    async def element(self, _request: Request) -> Response:
        return _file("element.html")

    async def asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        return _file(name) if name in ASSETS else Response(status_code=404)

    async def challenge(self, request: Request) -> Response:
        """The bank asks whether it is really the buyer."""
        intent = self.account.get(Intent, request.path_params["id"])
        overlay = OVERLAY if "overlay" in request.query_params else ""
        return _page(
            "3D Secure",
            f"""<p class="sandbox">Test</p><h1>3D Secure</h1>
            <p>Your bank asks: do you want to pay {shown(intent.amount, intent.currency)}?</p>
            <form method="post">
              <button name="answer" value="yes">Complete</button>
              <button name="answer" value="no" class="plain">Fail</button>
            </form>""",
            overlay,
        )

    async def challenged(self, request: Request) -> Response:
        """The buyer's answer; who came by a redirect is led back."""
        self.account.at(self.clock())
        intent = self.account.get(Intent, request.path_params["id"])
        action = (intent.next_action or {}).get("redirect_to_url", {})
        ok = (await _form(request)).get("answer") == "yes"
        try:
            attempt.authenticate(self.account, intent, ok=ok)
        except Refused:
            ok = False
        finally:
            self.happened()
        if request.headers.get("accept") == "application/json":
            return Response("{}", media_type="application/json")
        return RedirectResponse(self._back(intent, action.get("return_url", "/"), ok=ok), 303)

    def _back(self, intent: Intent, return_url: str, *, ok: bool) -> str:
        if intent.session:
            session = self.account.get(Session, intent.session)
            return _arrived(session) if ok else f"/c/pay/{session.id}?declined"
        status = "failed" if not ok else "pending" if intent.status == "processing" else "succeeded"
        told = {
            "payment_intent": intent.id,
            "payment_intent_client_secret": intent.client_secret,
            "redirect_status": status,
        }
        return f"{return_url}{'&' if '?' in return_url else '?'}{urlencode(told)}"

    async def checkout(self, request: Request) -> Response:
        """The hosted page."""
        self.account.at(self.clock())
        self.happened()
        session = self.account.get(Session, request.path_params["id"])
        problem = "Your card could not be confirmed." if "declined" in request.query_params else ""
        return _checkout(session, problem)

    async def checked_out(self, request: Request) -> Response:
        """The button was pressed."""
        self.account.at(self.clock())
        session = self.account.get(Session, request.path_params["id"])
        form = await _form(request)
        way = form.get("way", "card")
        try:
            intent = sessions.pay(
                self.account, session.id, form.get("cardNumber", "") if way == "card" else way
            )
        except Refused as refusal:
            return _checkout(session, str(refusal))
        finally:
            self.happened()
        if intent.status == "requires_action" and intent.next_action:
            return RedirectResponse(intent.next_action["redirect_to_url"]["url"], 303)
        return RedirectResponse(_arrived(session), 303)


def _checkout(session: Session, problem: str) -> HTMLResponse:
    # Stripe's page for a session that was expired elsewhere says neither that nor what to do.
    if session.status != "open":
        return _page("Checkout", "<h1>You're all done here</h1><p>You have paid, or the time was over.</p>")
    lines = "".join(
        f"<li>{line.quantity} {escape(line.name)} <b>{shown(line.total, session.currency)}</b></li>"
        for line in session.lines
    )
    ways = "".join(f'<option value="{name}">{name}</option>' for name in session.methods if name != "link")
    back = f'<p><a href="{escape(session.cancel_url)}">Back</a></p>' if session.cancel_url else ""
    return _page(
        "Checkout",
        f"""<p class="sandbox">Test</p>{back}
        <h1>{shown(session.amount, session.currency)}</h1><ul>{lines}</ul>
        <form method="post">
          <label><span>Pay by</span><select name="way">{ways}</select></label>
          <label><span>Card number</span><input name="cardNumber" inputmode="numeric"></label>
          <label><span>Expiration date</span><input name="cardExpiry" placeholder="MM / YY"></label>
          <label><span>Security code</span><input name="cardCvc"></label>
          <p class="error" role="alert">{escape(problem)}</p>
          <button data-testid="hosted-payment-submit-button">Pay</button>
        </form>""",
    )


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))


def _arrived(session: Session) -> str:
    return (session.success_url or "/").replace("{CHECKOUT_SESSION_ID}", session.id)


def _page(title: str, main: str, script: str = "") -> HTMLResponse:
    text = (FOLDER / "page.html").read_text()
    parts = {"__TITLE__": title, "__MAIN__": main, "__SCRIPT__": script}
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return HTMLResponse(text)


def _file(name: str) -> Response:
    path = FOLDER / name
    return Response(path.read_bytes(), media_type=TYPES[path.suffix])
