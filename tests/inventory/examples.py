"""Plans, drafts and slots to try things on."""

from collections.abc import Sequence
from typing import Any

from server.inventory.rules import Category, Money, Resource, ResourceDraft, Slot, SlotDraft

EUR = "eur"


def seat_draft(seat_id: str, **fields: Any) -> SlotDraft:
    return SlotDraft(**{"id": seat_id, "label": seat_id, "price": 4500, "row": "A", **fields})


def draft(*slots: SlotDraft, **fields: Any) -> ResourceDraft:
    standing: dict[str, Any] = {
        "id": "hall",
        "kind": "seats",
        "title": "Winter Serenade",
        "owner": "meridian",
        "time_zone": "Europe/Berlin",
        "currency": EUR,
        "slots": slots,
    }
    return ResourceDraft(**{**standing, **fields})


def row_of(*xs: float, row: str = "A", section: str = "Stalls", first: int = 0, **fields: Any) -> list[Slot]:
    """Seats of one row at these places, with indices from `first`."""
    return [
        Slot(
            index=first + place,
            id=f"{section}-{row}-{first + place}",
            label=str(place + 1),
            price=Money(4500, EUR),
            section=section,
            row=row,
            x=x,
            y=fields.get("y", 0.0),
            capacity=fields.get("capacity", 1),
            blocked=fields.get("blocked", False),
        )
        for place, x in enumerate(xs)
    ]


def resource(**fields: Any) -> Resource:
    standing: dict[str, Any] = {
        "id": "hall",
        "kind": "seats",
        "title": "Winter Serenade",
        "owner": "meridian",
        "time_zone": "Europe/Berlin",
        "currency": EUR,
        "layout": 1,
        "epoch": "e1",
        "categories": (Category(name="Stalls", price=Money(4500, EUR)),),
    }
    return Resource(**{**standing, **fields})


def plan(standing: Sequence[dict[str, Any]], **row: Any) -> dict[str, Any]:
    """A seating plan with one zone and one row."""
    return {
        "name": "Small hall",
        "categories": [{"name": "Stalls", "color": "#aa0000"}, {"name": "Wheelchair", "color": "#0000aa"}],
        "size": {"width": 400, "height": 300},
        "zones": [
            {
                "name": "Ground floor",
                "position": {"x": 100, "y": 10},
                "rows": [
                    {
                        "row_number": "A",
                        "row_number_position": "both",
                        "position": {"x": 10, "y": 5},
                        "seats": list(standing),
                        **row,
                    }
                ],
                "areas": [],
            }
        ],
    }


def seat(number: int, **fields: Any) -> dict[str, Any]:
    """A seat of a seating plan."""
    return {
        "seat_number": str(number),
        "seat_guid": f"A-{number}",
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "position": {"x": 25 * (number - 1), "y": 0},
        "category": "Stalls",
        **fields,
    }
