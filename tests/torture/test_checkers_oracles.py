"""The checkers against brute force: they find what it finds, and no more."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.torture.checkers import Intent, Ledger, Terms, bookings, converged, money, refusals, versions
from tests.torture.checkers.claims import FOREVER, Ends, Proof, certain
from tests.torture.checkers.holds import double_holds
from tests.torture.checkers.ledger import Booking, Payment
from tests.torture.checkers.stories import Stories
from tests.torture.oracles import (
    can_be_ordered,
    certain_span,
    endings,
    events_of,
    money_fits,
    versions_fit,
    view_fits,
    within,
)
from tests.torture.scribe import Scribe

TIMES = st.integers(0, 12)
many = settings(max_examples=200, deadline=None, derandomize=True)
Draw = Callable[[st.SearchStrategy[int]], int]

HORIZON = 20


def _pair(draw: Draw, since: int = 0) -> tuple[int, int]:
    began = draw(st.integers(since, since + 12))
    return began, draw(st.integers(began, since + 13))


def _ends(draw: Draw, scribe: Scribe, client: str, hold: str, since: int) -> None:
    """Perhaps a release, perhaps one that was never answered."""
    how = draw(st.integers(0, 3))
    if how < 3:
        invoked, returned = _pair(draw, since + 1)
        scribe.releases(client, hold, at=(invoked, None if how == 0 else returned))


@st.composite
def holds(draw: Draw, *, refused: bool = False) -> Scribe:
    """Up to six buyers of two slots, each with one hold that is answered, lost or (if so wished) refused."""
    scribe = Scribe()
    for number in range(draw(st.integers(1, 5 if refused else 6))):
        client, hold = f"c{number}", f"h{number}"
        invoked, returned = _pair(draw)
        slots = [f"{'AB'[draw(st.integers(0, 1))]}*{draw(st.integers(1, 2))}"]
        if draw(st.integers(0, 3)) == 0:
            slots = ["A", "B"]
        kind = draw(st.integers(0, 7))
        if refused and kind >= 5:
            scribe.is_refused(client, slots[0], at=(invoked, returned))
        elif kind == 0:
            scribe.holds(client, hold, *slots, at=(invoked, None))
        else:
            scribe.holds(
                client, hold, *slots, at=(invoked, returned), until=draw(st.integers(returned + 1, 40))
            )
            _ends(draw, scribe, client, hold, returned)
    return scribe


@st.composite
def ranges(draw: Draw) -> Scribe:
    """Up to six drivers of one car park."""
    scribe = Scribe()
    for number in range(draw(st.integers(1, 6))):
        client, hold = f"c{number}", f"h{number}"
        start = draw(st.integers(0, 8))
        at = _pair(draw)
        during = (start, start + draw(st.integers(1, 4)))
        scribe.parks(client, hold, during, at=at, until=draw(st.integers(at[1] + 1, 40)))
        _ends(draw, scribe, client, hold, at[1])
    return scribe


@many
@given(holds(), st.integers(1, 3))
def test_double_holds_are_those_that_no_order_explains(scribe: Scribe, capacity: int) -> None:
    stories = Stories(scribe.history, Terms(clocks_ms=0, capacity=capacity))
    can_be = can_be_ordered(events_of(scribe.history), within(capacity))
    assert (double_holds(stories) == []) == can_be


@many
@given(ranges(), st.integers(1, 3))
def test_double_parking_is_what_no_order_explains(scribe: Scribe, capacity: int) -> None:
    stories = Stories(scribe.history, Terms(clocks_ms=0, capacity=capacity))
    can_be = can_be_ordered(events_of(scribe.history), within(capacity))
    assert (double_holds(stories) == []) == can_be


@many
@given(holds(refused=True), st.integers(1, 2))
def test_a_refusal_that_is_held_against_the_shop_fits_in_no_order(scribe: Scribe, capacity: int) -> None:
    stories = Stories(scribe.history, Terms(clocks_ms=0, late_ms=0, recovery_ms=0, capacity=capacity))
    if refusals.unexplained(scribe.history, stories):
        assert not can_be_ordered(events_of(scribe.history, late=0), within(capacity))


@st.composite
def lives(draw: Draw) -> tuple[list[Proof], list[tuple[int, int]]]:
    """Proofs of one thing, and acts that may have ended it."""
    proofs = []
    for _ in range(draw(st.integers(1, 4))):
        since, known = _pair(draw)
        proofs.append(Proof(known, since, draw(st.integers(0, HORIZON - 2))))
    acts = []
    for _ in range(draw(st.integers(0, 3))):
        invoked, returned = _pair(draw)
        acts.append((invoked, FOREVER if draw(st.integers(0, 3)) == 0 else returned))
    return proofs, acts


@many
@given(lives())
def test_certain_is_what_holds_in_every_life_that_fits(
    life: tuple[list[Proof], list[tuple[int, int]]],
) -> None:
    proofs, acts = life
    expected = certain_span(proofs, acts, HORIZON)
    if expected is not False:
        assert certain(proofs, [Ends(acts)]) == expected


effects = st.lists(st.tuples(TIMES, st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=5)


@many
@given(effects)
def test_versions_are_right_if_they_rise_in_some_real_order(given_: list[tuple[int, int, int]]) -> None:
    scribe = Scribe()
    for number, (invoked, took, version) in enumerate(given_):
        scribe.holds(f"c{number}", f"h{number}", "A", at=(invoked, invoked + took), version=version)
    fits = versions_fit([(invoked, invoked + took, version) for invoked, took, version in given_])
    assert (versions.rising(scribe.history) == []) == fits


messages = st.lists(
    st.tuples(
        st.sampled_from(["snapshot", "delta", "delta", "delta", "resync", "fresh"]),
        st.sampled_from(["e", "e", "e", "f"]),
        st.integers(0, 4),
        st.integers(0, 4),
    ),
    max_size=8,
)


@many
@given(messages)
def test_a_view_is_monotone_if_what_is_known_only_grows(told: list[tuple[str, str, int, int]]) -> None:
    scribe = Scribe()
    for at, (how, epoch, since, to) in enumerate(told):
        scribe.saw("ann", "view", at, resource="hall", epoch=epoch, how=how, since=since, to=to)
    found = versions.monotone(scribe.history)
    assert (found == []) == view_fits(scribe.history.observations)


STATUSES = st.sampled_from(["confirmed", "completed", "cancelled", "pending"])
PAYMENTS = [Payment(f"p{n}", f"b{n // 2}", f"b{n // 2}", None, "paid", 2, "eur") for n in range(4)]


def row(name: str, status: str, total: int) -> Booking:
    return Booking(name, name, "s", status, "paid", total, "eur", 0)


@st.composite
def intents(draw: Draw) -> Intent:
    """Of two bookings, or of none that is known; two attempts of one payer, and one of somebody else."""
    booking, captured = draw(st.sampled_from([0, 0, 0, 1, 2])), draw(st.sampled_from([0, 1, 1, 2]))
    return Intent(
        id=f"pi{draw(st.integers(0, 99))}",
        booking=f"b{booking}",
        payment=f"p{draw(st.sampled_from([2 * booking, 2 * booking, 2 * booking + 1, 5]))}",
        currency="usd" if draw(st.integers(0, 9)) == 9 else "eur",
        amount=2,
        status="",
        held=1 if draw(st.integers(0, 9)) == 9 else 0,
        captured=captured,
        refunded=draw(st.sampled_from([0, 0, 0, captured, 1])),
    )


@many
@given(st.lists(st.tuples(STATUSES, st.integers(1, 3)), max_size=2), st.lists(intents(), max_size=4))
def test_money_is_right_if_every_payment_can_be_told(
    booked: list[tuple[str, int]], taken: list[Intent]
) -> None:
    rows = {f"b{n}": row(f"b{n}", status, total) for n, (status, total) in enumerate(booked)}
    ledger = Ledger(0, rows, PAYMENTS)
    fits = money_fits(ledger, taken)
    assert (money.each_paid_once(ledger, taken) == []) == fits
    if fits:
        assert money.conserved(ledger, taken) == []


@many
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["book", "cancel", "lost", "refused"])), max_size=6
    ),
    st.dictionaries(st.integers(0, 2), STATUSES),
)
def test_a_confirmation_is_lost_if_nothing_that_was_done_ends_so(
    acts: list[tuple[int, str]], stand: dict[int, str]
) -> None:
    scribe = Scribe()
    for at, (number, act) in enumerate(acts):
        name = f"b{number}"
        if act == "book":
            scribe.books(f"c{number}", name, at=(at, at))
        else:
            end = None if act == "lost" else at
            scribe.did("c", "cancel", (at, end), {"booking": name}, "fail" if act == "refused" else "ok")
    ledger = Ledger(0, {f"b{number}": row(f"b{number}", status, 1) for number, status in stand.items()})
    booked = {f"b{number}" for number, act in acts if act == "book"}
    fits = all(
        name in ledger.bookings and ledger.bookings[name].status in endings(scribe.history, name)
        for name in booked
    )
    assert (bookings.lost_confirmations(scribe.history, ledger) == []) == fits


@many
@given(
    st.lists(st.tuples(st.sampled_from(["truth", "end"]), st.integers(0, 1), st.integers(0, 1)), max_size=5)
)
def test_converged_is_when_all_who_look_at_the_end_see_what_is(told: list[tuple[str, int, int]]) -> None:
    scribe = Scribe()
    for at, (kind, version, digest) in enumerate(told):
        what = {"resource": "hall", "epoch": "e", "version": version, "digest": str(digest)}
        scribe.saw("server" if kind == "truth" else f"c{at}", kind, at, **what)
    truth = [(version, digest) for kind, version, digest in told if kind == "truth"][-1:]
    ends = [(version, digest) for kind, version, digest in told if kind == "end"]
    assert (converged.converged(scribe.history) == []) == all([end] == truth for end in ends)
    alike = all(one[2] == other[2] for one in told for other in told if one[1] == other[1])
    assert (converged.agreeing(scribe.history) == []) == alike
