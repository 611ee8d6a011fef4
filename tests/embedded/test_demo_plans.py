"""What the demo sells: a hall that could stand somewhere, and something of each kind."""

from datetime import date
from pathlib import Path

import pytest

from server.embedded import demo
from server.embedded.demo.__main__ import files
from server.inventory.blocks import blocks_of
from server.inventory.catalogue import read_catalogue
from server.inventory.documents import read_yaml
from server.inventory.fields import Problems
from server.inventory.rules import HoldPolicy, ResourceDraft, lay_out

FOLDER = Path(demo.__path__[0])


@pytest.fixture(scope="module")
def drafts() -> list[ResourceDraft]:
    problems = Problems()
    document = read_yaml((FOLDER / "catalogue.yaml").read_text(encoding="utf-8"))
    found, warnings = read_catalogue(
        document,
        problems,
        read_file=lambda name: (FOLDER / name).read_bytes(),
        today=date(2026, 11, 21),
    )
    assert (problems.errors, warnings) == ([], [])
    return found


def test_the_plans_are_as_their_generator_draws_them() -> None:
    for path, content in files().items():
        assert path.read_text(encoding="utf-8") == content, f"run python -m server.embedded.demo: {path.name}"


def test_a_hall_comes_first_and_there_is_something_of_each_kind(drafts: list[ResourceDraft]) -> None:
    hall = drafts[0]
    assert hall.kind == "seats"
    assert len(hall.slots) >= 700
    assert {draft.kind for draft in drafts} == {"seats", "sessions", "grid"}
    for draft in drafts:  # no hold setting is overridden
        own = HoldPolicy(refund=draft.policy.refund, approval_seconds=draft.policy.approval_seconds)
        assert draft.policy == own


def test_the_hall_has_stalls_a_circle_boxes_and_places_for_wheelchairs(drafts: list[ResourceDraft]) -> None:
    hall = drafts[0]
    assert {slot.section for slot in hall.slots} == {"Stalls", "Circle", "Left boxes", "Right boxes"}
    assert sum(slot.accessible for slot in hall.slots) == 8


def test_no_two_seats_overlap(drafts: list[ResourceDraft]) -> None:
    places = sorted((slot.x or 0.0, slot.y or 0.0) for slot in drafts[0].slots)
    for index, (x, y) in enumerate(places):
        for other_x, other_y in places[index + 1 :]:
            if other_x - x > 20:
                break
            assert (other_x - x) ** 2 + (other_y - y) ** 2 > 20**2


def test_aisles_cut_the_rows_of_the_stalls_into_three(drafts: list[ResourceDraft]) -> None:
    slots = lay_out((), drafts[0].slots, currency="eur")
    row = [block for block in blocks_of(slots) if slots[block.start].row == "C"]
    middle, *wings = row
    assert len(wings) == 2
    assert wings[0].length == wings[1].length < middle.length


def test_everything_stands_within_the_drawing(drafts: list[ResourceDraft]) -> None:
    for draft in drafts[:2]:
        size = draft.plan["size"]
        assert isinstance(size, dict)
        assert all(0 < (slot.x or 0) < size["width"] for slot in draft.slots)
        assert all(0 < (slot.y or 0) < size["height"] for slot in draft.slots)
