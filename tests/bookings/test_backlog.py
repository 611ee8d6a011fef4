"""What can't be done keeps nobody behind it waiting, and is tried again."""

from server.bookings.backlog import MOST_PASSED_OVER, Backlog


def test_a_batch_that_was_done_is_followed_by_the_next_at_once() -> None:
    backlog = Backlog(2)
    assert backlog.goes_on([True, True])
    assert backlog.failed == 0


def test_what_failed_is_passed_over_until_the_end_is_reached() -> None:
    backlog = Backlog(2)
    assert not backlog.goes_on([False, True])
    assert backlog.failed == 1
    assert not backlog.goes_on([False, False])
    assert backlog.failed == 3
    assert not backlog.goes_on([True])
    assert backlog.failed == 0


def test_no_more_are_passed_over_than_can_be_read() -> None:
    backlog, rounds = Backlog(50), 0
    while backlog.failed or not rounds:
        backlog.goes_on([False] * 50)
        assert backlog.failed <= MOST_PASSED_OVER
        rounds += 1
    assert rounds == MOST_PASSED_OVER // 50 + 1
