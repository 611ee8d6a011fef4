"""Bugs of what is refused early, waits for its turn, or is taken where it came (decisions 31 and 33)."""

from typing import Final

from tests.teeth.bug import Bug, Patch

HURRYING: Final = (
    Bug(
        name="a map that is older than the question refuses a hold",
        breaks=("I3",),
        patches=(
            Patch("server/live/doomed.py", "if shown.version >= position[1]:", "if shown.version >= 0:"),
        ),
        checks=("tests/live/test_doomed.py::test_a_seat_that_came_back_meanwhile_is_not_refused",),
        says=r"assert \[.*\] == \[.*\]|assert not|assert .* is None",
    ),
    Bug(
        name="who may be repeating what was granted is refused by the map",
        breaks=("I7",),
        patches=(
            Patch(
                "server/live/doomed.py",
                "return op is None or self._clock() >= tab.came_back + SETTLED_SECONDS",
                "return op is None or self._clock() >= 0",
            ),
        ),
        checks=(
            "tests/live/test_doomed.py::test_what_may_be_the_repeat_of_what_was_asked_elsewhere_is_asked_of_redis",
        ),
        says=r"assert .* is None",
    ),
    Bug(
        name="commands have all of a turn",
        breaks=("I3",),
        patches=(
            Patch(
                "server/live/turns.py",
                "return now < self._until and self._has_room()",
                "return self._has_room()",
            ),
        ),
        checks=("tests/live/test_turns.py::test_a_turn_has_time_for_so_many_and_the_next_for_as_many_more",),
        says=r"assert \[.*\] == \[.*\]",
    ),
    Bug(
        name="what gives back is refused for having waited",
        breaks=("I7",),
        patches=(
            Patch(
                "server/live/turns.py",
                "self._first.popleft().take_turn(is_late=False)",
                "self._first.popleft().take_turn(is_late=True)",
            ),
        ),
        checks=("tests/live/test_turns.py::test_what_gives_back_is_never_too_late",),
        says=r"assert \[.*\] == \[.*\]",
    ),
    Bug(
        name="an event is its process' for ever, though that died",
        breaks=("I4",),
        patches=(Patch("server/payments/intake.py", "until=now + self._lease_ms", "until=now + 10**12"),),
        checks=(
            "tests/payments/webhooks/test_inbox.py::test_what_came_to_a_process_that_dies_before_it_looks_another_takes_after_the_lease",
        ),
        says=r"assert ",
    ),
)
