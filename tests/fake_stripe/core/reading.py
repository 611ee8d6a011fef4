"""The calls that only read: one object, a page of a list, and `expand`."""

from collections.abc import Iterable
from typing import Any, Final

from tests.fake_stripe.core import amount as amounts
from tests.fake_stripe.core.account import Account, Thing
from tests.fake_stripe.core.charge import Charge
from tests.fake_stripe.core.form import Params, truth
from tests.fake_stripe.core.refund import Refund
from tests.fake_stripe.core.refusal import Refused
from tests.fake_stripe.core.session import Session

DEFAULT_LIMIT: Final = 10
LARGEST_LIMIT: Final = 100
DEEPEST: Final = 4


def page(items: Iterable[dict[str, Any]], params: Params, url: str) -> dict[str, Any]:
    """Newest first, `limit` at a time, from a cursor on; `items` come in order of creation."""
    limit = amounts.whole(params.get("limit", DEFAULT_LIMIT), "limit")
    if not 1 <= limit <= LARGEST_LIMIT:
        raise Refused("Invalid limit: from 1 to 100.", param="limit")
    found = [item for item in items if _created_fits(item, params)][::-1]
    if "starting_after" in params:
        found = found[_position(found, params["starting_after"], "starting_after") + 1 :]
    elif "ending_before" in params:
        found = found[: _position(found, params["ending_before"], "ending_before")]
        return _list(found[-limit:], url, has_more=len(found) > limit)
    return _list(found[:limit], url, has_more=len(found) > limit)


def _list(data: list[dict[str, Any]], url: str, *, has_more: bool) -> dict[str, Any]:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def _position(items: list[dict[str, Any]], cursor: str, param: str) -> int:
    for position, item in enumerate(items):
        if item["id"] == cursor:
            return position
    raise Refused(f"No such object: '{cursor}'", code="resource_missing", param=param)


def _created_fits(item: dict[str, Any], params: Params) -> bool:
    wanted = params.get("created")
    if wanted is None:
        return True
    bounds = wanted if isinstance(wanted, dict) else {"gte": wanted, "lte": wanted}
    created = item["created"]
    tests = {
        "gt": lambda edge: created > edge,
        "gte": lambda edge: created >= edge,
        "lt": lambda edge: created < edge,
        "lte": lambda edge: created <= edge,
    }
    return all(tests[name](int(edge)) for name, edge in bounds.items())


def events(account: Account, params: Params) -> list[dict[str, Any]]:
    """Those of the types that are asked for (`payment_intent.*` names a group), delivered or not."""
    names = params.get("types", [params.get("type", "*")])
    found = [event for event in account.events if any(_fits(event["type"], name) for name in names)]
    if "delivery_success" not in params:
        return found
    delivered = truth(params["delivery_success"])
    return [event for event in found if (event["pending_webhooks"] == 0) == delivered]


def _fits(kind: str, name: str) -> bool:
    return kind == name or (name.endswith("*") and kind.startswith(name[:-1]))


def expand(account: Account, body: dict[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """The reply with the objects in place of their ids; raise Refused for what can't be expanded."""
    for path in paths:
        if path.count(".") >= DEEPEST:
            raise Refused("You cannot expand more than 4 levels of a property.", param="expand")
        _expand(account, body, path.split("."), path)
    return body


def _expand(account: Account, body: dict[str, Any], steps: list[str], path: str) -> None:
    head, *rest = steps
    if body.get("object") == "list" and head == "data":
        for item in body["data"]:
            _expand(account, item, rest, path)
        return
    body[head] = child = _expanded(account, body, head, path)
    if rest and isinstance(child, dict):
        _expand(account, child, rest, path)


def _expanded(account: Account, body: dict[str, Any], name: str, path: str) -> Any:
    thing = account.find(str(body["id"]))
    if isinstance(thing, Charge) and name == "refunds":
        return refunds_of(account, thing)
    if isinstance(thing, Session) and name == "line_items":
        return thing.lines_json()
    value = body.get(name)
    if value is None and name in body:
        return None
    if isinstance(value, dict):
        return value
    found = _by_id(account, value)
    if found is None:
        raise Refused(
            f"This property cannot be expanded ({path}).", code="property_not_expandable", param="expand"
        )
    return found


def _by_id(account: Account, object_id: Any) -> dict[str, Any] | None:
    found: Thing | None = account.find(object_id) if isinstance(object_id, str) else None
    if found is not None:
        return found.json()
    method = account.methods.get(object_id)
    return method.json(account.now) if method else None


def refunds_of(account: Account, charge: Charge) -> dict[str, Any]:
    """The charge's refunds, newest first, those that let an authorisation go among them."""
    mine = [refund.json() for refund in account.all(Refund) if refund.charge == charge.id]
    return page(mine, {"limit": LARGEST_LIMIT}, f"/v1/charges/{charge.id}/refunds")
