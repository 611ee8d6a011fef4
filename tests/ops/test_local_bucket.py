"""A session's own rate is the same whatever the clock says."""

import pytest

from server.ops.limits import LocalBucket, Rate

CLOCKS = [0.0, 13_786.92, 3_000_000.3, 100_000_000.7]


@pytest.mark.parametrize("rate", [Rate(1, 1), Rate(20, 1), Rate(300, 1), Rate(7, 60)])
@pytest.mark.parametrize("now", [clock + step / 7 for clock in CLOCKS for step in range(5)])
def test_a_burst_is_all_there_and_no_request_more(now: float, rate: Rate) -> None:
    bucket = LocalBucket(rate)
    assert [bucket.take(now) for _ in range(rate.requests)] == [0.0] * rate.requests
    wait = bucket.take(now)
    assert wait == pytest.approx(rate.seconds / rate.requests, rel=0.01)
    assert bucket.take(now + wait / 2) == pytest.approx(wait / 2, rel=0.02)
    assert bucket.take(now + wait) == 0.0


def test_no_requests_are_no_limit() -> None:
    bucket = LocalBucket(Rate(0, 1))
    assert [bucket.take(1.0) for _ in range(100)] == [0.0] * 100
