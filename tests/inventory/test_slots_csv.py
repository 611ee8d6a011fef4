"""CSV of slots, as spreadsheets save it."""

import pytest

from server.inventory import slots_csv
from server.inventory.fields import Problems
from server.inventory.rules import Category, Money, SlotDraft
from server.inventory.slots_csv import read_slots_csv
from tests.inventory.examples import EUR, draft


def read(text: str, **head: object) -> tuple[tuple[SlotDraft, ...], list[str]]:
    problems = Problems()
    slots = read_slots_csv(text, draft(**head), problems)
    return slots, [f"{error.field} {error.message}" for error in problems.errors]


def good(text: str, **head: object) -> tuple[SlotDraft, ...]:
    slots, problems = read(text, **head)
    assert problems == []
    return slots


def test_lines_become_slots() -> None:
    header = "id,label,capacity,price,section,row,x,y,accessible\n"
    first, second = good(header + "A-1,Seat 1,1,4500,Stalls,A,1.5,-2,yes\nA-2,,2,0,,,,,\n")
    assert first == SlotDraft(
        id="A-1", label="Seat 1", price=4500, section="Stalls", row="A", x=1.5, y=-2.0, accessible=True
    )
    assert second == SlotDraft(id="A-2", label="A-2", capacity=2, price=0)


def test_quotes_line_breaks_and_empty_lines_are_as_in_any_csv() -> None:
    first, second = good('id,label,price\r\n"A,1","The ""best"" seat",100\r\n\r\n,,\r\nA2,x,200\r\n')
    assert (first.id, first.label, second.price) == ("A,1", 'The "best" seat', 200)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_spreadsheets_use_other_separators_too(separator: str) -> None:
    assert good("ID,Price\nA,1".replace(",", separator))[0].price == 1


def test_times_are_the_clocks_of_the_resource() -> None:
    (tour,) = good("id,price,starts_at,ends_at\nt1,1800,2026-11-21 10:00,2026-11-21T10:15:00Z\n")
    assert (tour.starts_at, tour.ends_at) == ("2026-11-21T09:00:00.000Z", "2026-11-21T10:15:00.000Z")


def test_a_category_may_have_the_price() -> None:
    stalls = Category(name="Stalls", price=Money(4500, EUR))
    assert good("id,category\nA,Stalls", categories=(stalls,))[0].price == 4500


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1 names no column id"),
        ("id,price\n", "line 2 is missing; one line for each slot"),
        ("label,price\nA,1\n", "line 1 names no column id"),
        ("id,prize\nA,1\n", "line 1 'prize' is no column; known are id, label"),
        ("id,price,id\nA,1,B\n", "line 1 the column 'id' stands 2 times"),
        ("id,price\nA,1\n\nB\n", "line 4 has 1 cells; the first line names 2 columns"),
        ("id,price\nA,1\nB,85.00\n", "line 3.price is '85.00'; a whole number of minor units"),
        ("id,price\nA,-1\n", "line 2.price is -1; a whole number"),
        ("id,price\nA,1_000\n", "line 2.price is '1_000'; a whole number"),
        ("id,price,capacity\nA,1,many\n", "line 2.capacity is 'many'; a whole number from 0"),
        ("id,price,accessible\nA,1,maybe\n", "line 2.accessible is 'maybe'; true or false"),
        ("id,price,x\nA,1,nan\n", "line 2.x is nan; a number"),
        ("id,price,x\nA,1,left\n", "line 2.x is 'left'; a number"),
        ("id,price,starts_at\nA,1,soon\n", "line 2.starts_at 'soon' is no time"),
        ("id,price\nA,1\nB,1\nA,2\n", "line 4.id 'A' is the id on line 2 too"),
        ("id,price\n,1\n", "line 2.id is missing"),
        ("id\nA\n", "line 2.price is missing"),
        ('id,price\n"A"B,1\n', "line 2 is no CSV"),
        ('id,label,price\nA,"two\nlines",1\nB,x,y\n', "line 4.price is 'y'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_line(text: str, problem: str) -> None:
    _, problems = read(text)
    assert any(each.startswith(problem) for each in problems), problems


def test_too_many_lines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots_csv, "MAX_SLOTS", 2)
    _, problems = read("id,price\nA,1\nB,1\nC,1\nD,1\n")
    assert problems == ["line 4 is too much; a resource has 2 slots at the most"]
