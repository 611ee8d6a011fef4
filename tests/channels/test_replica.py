"""Replicas: what is applied, what is a gap, and that any range of changes merges by union."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from channels.codec import numbers
from channels.history import KEPT_SECONDS, KEPT_VERSIONS, MAX_VERSIONS, History
from channels.recent import Changed
from channels.replica import Change, Outcome, Replica, State, difference
from channels.views import Sections, SomeSections, SumsBySection, key_of, view_of
from tests.channels.world import Truth

CHANGES = some.lists(
    some.dictionaries(some.integers(0, 11), some.tuples(some.integers(0, 2), some.integers(0, 2))),
    max_size=30,
)


def replica_of(truth: Truth) -> Replica:
    return Replica(truth.state(), 0.0)


def test_a_change_that_starts_where_the_replica_stands_moves_it() -> None:
    truth = Truth()
    replica = replica_of(truth)
    assert replica.apply(truth.change({3: (0, 1)}, step=7), 0.0) is Outcome.APPLIED
    assert replica.version == 107
    assert replica.state() == truth.state()


def test_the_same_change_twice_counts_once() -> None:
    truth = Truth()
    replica = replica_of(truth)
    change = truth.change({3: (0, 1)})
    assert replica.apply(change, 0.0) is Outcome.APPLIED
    assert replica.apply(change, 0.0) is Outcome.OLD
    assert replica.state() == truth.state()


def test_what_starts_later_or_earlier_is_a_gap_and_changes_nothing() -> None:
    truth = Truth()
    replica = replica_of(truth)
    before = replica.state()
    assert replica.apply(Change(101, 102, [0, 0, 0]), 0.0) is Outcome.GAP
    assert replica.apply(Change(99, 102, [0, 0, 0]), 0.0) is Outcome.GAP
    assert replica.state() == before


@pytest.mark.parametrize(
    "changes",
    [
        [0, 0],
        [12, 0, 0],
        [-1, 0, 0],
        [0, 256, 0],
        [0, 0, -1],
        [0, True, 0],
        [0, "1", 0],
        [0, 1.0, 0],
        [None] * 3,
    ],
)
def test_a_change_that_cannot_be_right_is_a_gap_and_changes_nothing(changes: list[int]) -> None:
    replica = replica_of(Truth())
    before = replica.state()
    assert replica.apply(Change(100, 101, [5, 0, 0, *changes]), 0.0) is Outcome.GAP
    assert replica.state() == before


@pytest.mark.parametrize("width", [1, 2, 4])
@given(changes=CHANGES, start=some.integers(0, 30))
def test_any_range_merges_into_the_final_states_of_what_it_touched(
    width: int, changes: list[dict[int, tuple[int, int]]], start: int
) -> None:
    truth = Truth(width=width, first=0)
    replica = replica_of(truth)
    made = [truth.change(updates) for updates in changes]
    for change in made:
        assert replica.apply(change, 0.0) is Outcome.APPLIED
    start = min(start, len(made))
    union: dict[int, tuple[int, int]] = {}
    for updates in changes[start:]:
        union |= updates
    flat = [number for index in sorted(union) for number in (index, *union[index])]
    assert replica.since(100 + start) == flat
    assert replica.state() == truth.state()


@given(changes=CHANGES, first=some.integers(0, 100_000), width=some.sampled_from([1, 2, 4]))
def test_the_difference_of_two_states_leads_from_one_to_the_other(
    changes: list[dict[int, tuple[int, int]]], first: int, width: int
) -> None:
    truth = Truth(first=first, width=width, slots=[(1, 0)] * 150, sections=["A"] * 150)
    old, replica = truth.state(), replica_of(truth)
    for updates in changes:
        truth.change({first + index * 13: pair for index, pair in updates.items()})
    found = difference(old, truth.state())
    assert found[0::3] == sorted(set(found[0::3]))
    if truth.version > old.version:
        assert replica.apply(Change(old.version, truth.version, found), 0.0) is Outcome.APPLIED
    assert replica.state() == truth.state()


def test_a_state_whose_arrays_are_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="12 slots of 2 bytes"):
        State("e", 1, 1, 2, 0, 12, bytes(24), bytes(23))


def test_a_version_that_was_never_stood_at_is_not_known() -> None:
    history = History(100, 0.0)
    history.add(110, [1], 0.0)
    assert [version for version in range(90, 120) if history.knows(version)] == [100, 110]


def test_at_least_a_thousand_versions_and_a_minute_are_known_and_the_rest_is_forgotten() -> None:
    history = History(0, 0.0)
    for version in range(1, 3001):
        history.add(version, [version % 7], version * 0.05)
    known = [version for version in range(3001) if history.knows(version)]
    assert known == list(range(known[0], 3001))
    assert len(known) - 256 < max(KEPT_VERSIONS, KEPT_SECONDS / 0.05) <= len(known)


def test_a_thousand_versions_are_known_however_long_ago() -> None:
    history = History(0, 0.0)
    for version in range(1, 3001):
        history.add(version, [], version * 3600.0)
    assert history.knows(2000)
    assert not history.knows(1700)


def test_versions_are_bounded_however_fast_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.history.MAX_VERSIONS", 2000)
    history = History(0, 0.0)
    for version in range(1, 10_001):
        history.add(version, [0], 0.0)
    assert len(history._versions) <= 2256
    assert MAX_VERSIONS > 2000 * 60
    assert history.since(5) == [0]


def steps(truth: Truth) -> list[tuple[int, int, list[int]]]:
    return [(change.from_version, change.to_version, list(change.changes[0::3])) for change in truth.log]


@given(changes=CHANGES, cut=some.integers(0, 30), start=some.integers(0, 30))
def test_the_log_extends_what_a_replica_knows_into_the_past(
    changes: list[dict[int, tuple[int, int]]], cut: int, start: int
) -> None:
    whole, late, truth = Truth(), Truth(), Truth()
    knows_all = replica_of(whole)
    cut = min(cut, len(changes))
    knows_end = replica_of(late)
    for place, updates in enumerate(changes):
        late.change(updates)
        truth.change(updates)
        knows_all.apply(whole.change(updates), 0.0)
        if place + 1 <= cut:
            knows_end = replica_of(late)
        else:
            knows_end.apply(late.log[-1], 0.0)
    start = min(start, cut)
    extended = knows_end.extend_back(truth.since(100 + start) or [], 0.0)
    assert extended == (start < cut)
    for version in range(100 + start, 100 + len(changes) + 1):
        assert knows_end.history.knows(version)
        assert knows_end.since(version) == knows_all.since(version)


@pytest.mark.parametrize("log", [[], [(90, 95, [1])], [(90, 95, [1]), (96, 100, [2])], [(90, 101, [1])]])
def test_a_log_that_does_not_lead_to_what_is_known_is_not_believed(
    log: list[tuple[int, int, list[int]]],
) -> None:
    history = History(100, 0.0)
    assert not history.extend_back(log, 0.0)
    assert history.floor == 100
    assert not history.knows(90)


def test_a_view_of_sections_knows_them_wherever_they_lie() -> None:
    sections = Sections(["A", "A", "B", "A", "C"], [1, 1, 5, 0, 2])
    assert sections.runs == {"A": [(0, 2), (3, 4)], "B": [(2, 3)], "C": [(4, 5)]}
    assert sections.capacities == {"A": 2, "B": 5, "C": 2}
    truth = Truth(slots=[(1, 0), (2, 0), (3, 0), (4, 1), (5, 0)], first=10, width=2)
    view = SomeSections(("A", "Z"), sections)
    snapshot = view.snapshot("c", replica_of(truth))
    assert numbers(snapshot.available, 2).tolist() == [1, 2, 4]
    assert view.delta("c", replica_of(truth), 1, Changed([12, 0, 0, 14, 0, 0], 10)) is None
    delta = view.delta("c", replica_of(truth), 1, Changed([11, 0, 0, 12, 0, 0], 10))
    assert delta is not None
    assert delta.changes == [11, 0, 0]
    totals = SumsBySection(sections).snapshot("c", replica_of(truth))
    assert totals.sections == {"A": (7, 1, 2), "B": (3, 0, 5), "C": (5, 0, 2)}


def test_no_sections_is_no_view_by_section() -> None:
    assert Sections([], []).runs == {}
    assert key_of(None) is None
    with pytest.raises(ValueError, match="needs the layout's sections"):
        view_of("totals", None)
