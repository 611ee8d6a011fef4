"""What once stayed green with a promise broken: each hole, planted by hand."""

from pathlib import Path

import pytest

from tests.torture import verdict
from tests.torture.attended import attended, told_after
from tests.torture.checkers import Terms, check_all
from tests.torture.checkers.fresh import freshness
from tests.torture.checkers.refusals import unexplained
from tests.torture.checkers.stories import Stories
from tests.torture.checkers.terms import MILLISECOND
from tests.torture.matrix import Outcome, Torture
from tests.torture.scribe import EXACT, Scribe


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


def comes(scribe: Scribe, client: str, at: int) -> None:
    scribe.did(client, "connect", (at - 1, at), {}, holds=[])


def sees(scribe: Scribe, client: str, at: int, to: int, how: str = "delta") -> None:
    epoch = "e" if how != "anew" else "f"
    how = how if how != "anew" else "snapshot"
    scribe.saw(client, "view", at, resource="hall", epoch=epoch, how=how, to=to, since=to - 1)


def fault(scribe: Scribe, since: int, until: int, name: str = "kill") -> None:
    scribe.saw("nemesis", "fault", since, name=name, phase="strike")
    scribe.saw("nemesis", "fault", until, name=name, phase="heal")


# -- what is told of one's own holds ------------------------------------------------------------------------


def test_a_hold_that_is_told_as_held_after_its_end(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10))
    scribe.releases("ann", "h1", at=(20, 25))
    scribe.saw("ann", "hold", 24, hold="h1", status="released", reason="released")
    scribe.saw("ann", "hold", 99, hold="h1", status="held", reason="")
    found = [str(each) for each in check_all(scribe.history, terms=EXACT)]
    assert found == ["I3  h1 of ann was told as held 75 ms after its end"]


def test_what_a_fault_may_have_lost_may_be_told_again(scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(0, 10))
    scribe.releases("ann", "h1", at=(20, 25))
    scribe.saw("ann", "hold", 24, hold="h1", status="released", reason="released")
    fault(scribe, 50, 60, "roll back")
    scribe.saw("ann", "hold", 99, hold="h1", status="held", reason="")
    assert check_all(scribe.history, terms=Terms(clocks_ms=0, losing=frozenset({"roll back"}))) == []


def came_back(scribe: Scribe) -> list[str]:
    """Given back, and asked for again: it is the same hold as before, and given back once more."""
    scribe.holds("ann", "h1", "A-1", at=(0, 10))
    scribe.releases("ann", "h1", at=(20, 25))
    scribe.saw("ann", "hold", 24, hold="h1", status="released", reason="released")
    scribe.holds("ben", "h2", "A-1", at=(30, 35))
    fault(scribe, 50, 60, "roll back")
    scribe.holds("ann", "h1", "A-1", at=(70, 80))
    scribe.releases("ann", "h1", at=(90, 95))
    terms = Terms(clocks_ms=0, losing=frozenset({"roll back"}))
    return [str(each) for each in check_all(scribe.history, terms=terms)]


def test_what_redis_has_again_of_before_its_end_was_not_there_all_the_time(scribe: Scribe) -> None:
    assert came_back(scribe) == []


@pytest.mark.parametrize(("at", "is_explained"), [((82, 88), True), ((40, 45), False), ((5000, 5005), False)])
def test_who_is_refused_what_redis_has_again_is_refused_what_somebody_has(
    scribe: Scribe, at: tuple[int, int], *, is_explained: bool
) -> None:
    """Neither before that, nor after it was given back once more."""
    scribe.holds("ann", "h1", "A-1", at=(0, 10))
    scribe.releases("ann", "h1", at=(20, 25))
    scribe.holds("ann", "h1", "A-1", at=(70, 80))
    scribe.releases("ann", "h1", at=(90, 95))
    scribe.is_refused("cem", "A-1", at=at)
    terms = Terms(clocks_ms=0, late_ms=0, recovery_ms=0)
    assert (unexplained(scribe.history, Stories(scribe.history, terms)) == []) == is_explained


def test_what_was_proven_again_without_such_a_loss_was(scribe: Scribe) -> None:
    scribe.releases("ann", "h1", at=(5, None))
    fault(scribe, 85, 86, "roll back")
    scribe.holds("ann", "h1", "A-1", at=(0, 3))
    scribe.holds("ben", "h2", "A-1", at=(30, 35))
    scribe.holds("ann", "h1", "A-1", at=(70, 80))
    found = [str(each) for each in check_all(scribe.history, terms=Terms(clocks_ms=0))]
    assert any("A-1 is had 2 times of 1" in each for each in found), found


# -- who stands still while others go on --------------------------------------------------------------------


def late(scribe: Scribe) -> list[str]:
    return [each.text for each in freshness(scribe.history, Terms(fresh_ms=1_000)).late]


def test_a_client_that_stood_still_and_was_right_in_the_end(scribe: Scribe) -> None:
    for client in ("ann", "ben"):
        comes(scribe, client, 1)
        sees(scribe, client, 2, 1, "snapshot")
    sees(scribe, "ann", 10, 2)
    sees(scribe, "ben", 900, 2)
    assert late(scribe) == []
    assert freshness(scribe.history, Terms()).calm == 890 * MILLISECOND
    sees(scribe, "ann", 1_000, 3)
    sees(scribe, "ben", 9_000, 3)
    assert late(scribe) == ["ben saw hall at ('e', 2) 8000 ms after others saw more"]


def test_a_client_that_never_hears_of_a_new_epoch(scribe: Scribe) -> None:
    for client in ("ann", "ben"):
        comes(scribe, client, 1)
        sees(scribe, client, 2, 7, "snapshot")
    sees(scribe, "ann", 10, 1, "anew")
    scribe.saw("ann", "end", 5_000, resource="hall", epoch="f", version=1, digest="")
    assert late(scribe) == ["ben saw hall at ('e', 7) 4990 ms after others saw more"]


def test_who_is_away_or_has_a_fault_may_be_late(scribe: Scribe) -> None:
    for client in ("ann", "ben"):
        comes(scribe, client, 1)
        sees(scribe, client, 2, 1, "snapshot")
    scribe.did("ben", "disconnect", (5, 5), {})
    sees(scribe, "ann", 10, 2)
    comes(scribe, "ben", 8_000)
    sees(scribe, "ben", 8_100, 2)
    assert late(scribe) == []
    fault(scribe, 9_000, 9_500)
    sees(scribe, "ann", 9_100, 3)
    sees(scribe, "ben", 15_000, 3)
    assert late(scribe) == []
    assert freshness(scribe.history, Terms()).worst == 5_900 * MILLISECOND


# -- places of a car park -----------------------------------------------------------------------------------


def test_ranges_of_a_car_park_count_their_places(scribe: Scribe) -> None:
    for number, client in enumerate(("ann", "ben", "cy")):
        scribe.parks(client, f"h{number}", (8 + number, 12), at=(number, 10 + number))
    two = Terms(clocks_ms=0, capacity=2)
    (found,) = check_all(scribe.history, terms=two)
    assert str(found).startswith("I2  driveway is had 3 times of 2: ")
    assert check_all(scribe.history, terms=Terms(clocks_ms=0, capacity=3)) == []


# -- runs that show nothing ---------------------------------------------------------------------------------


@pytest.fixture
def torture(tmp_path: Path) -> Torture:
    outcome = Outcome(number=1, name="x", about="", fault="", workload="", size="tier", seed=1, command="")
    return Torture(None, tmp_path, 1, outcome)  # type: ignore[arg-type]  # it plays nowhere


def broken(torture: Torture, scribe: Scribe) -> list[str]:
    verdict.is_worth(torture, scribe.history)
    return [each.text for each in torture.outcome.violations]


def test_a_run_in_which_nothing_was_done(torture: Torture, scribe: Scribe) -> None:
    scribe.did("ann", "hold", (0, None), {"resource": "hall", "items": []})
    assert broken(torture, scribe) == ["nothing that anybody asked for was done: there is nothing to judge"]


def test_faults_that_struck_an_empty_hall(torture: Torture, scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(9_000, 9_010))
    fault(scribe, 100, 5_000)
    assert broken(torture, scribe) == ["none of 1 faults struck while people acted"]


def test_faults_that_struck_while_people_acted(torture: Torture, scribe: Scribe) -> None:
    scribe.holds("ann", "h1", "A-1", at=(900, 1_500))
    fault(scribe, 1_000, 5_000)
    fault(scribe, 6_000, 6_001, "flush")
    scribe.holds("ann", "h2", "A-2", at=(5_900, 5_910))
    scribe.holds("ann", "h3", "A-3", at=(6_100, 6_110))
    assert attended(scribe.history) == (2, 2, 1)
    assert broken(torture, scribe) == []


def test_what_was_told_late_because_of_a_fault_is_reckoned_from_its_end(scribe: Scribe) -> None:
    fault(scribe, 50, 90, "stop")
    fault(scribe, 20, 95, "kill")
    for at, due in ((100, 60), (70, 60), (99, 40), (130, 95)):
        scribe.saw("ann", "hold", at, hold=f"h{at}", status="expired", expires_at=due)
    scribe.saw("ann", "hold", 99, hold="h", status="lost", expires_at=60)
    assert told_after(scribe.history, "stop") == [0.01]
