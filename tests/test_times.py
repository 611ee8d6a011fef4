from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.times import milliseconds, now_milliseconds, rfc3339


def test_a_time_has_milliseconds_and_ends_in_z() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_774_000_000_123) == "2026-03-20T09:46:40.123Z"


@given(st.integers(min_value=0, max_value=253_402_300_799_999))
def test_a_time_survives_the_way_there_and_back(value: int) -> None:
    assert milliseconds(datetime.fromisoformat(rfc3339(value))) == value


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    berlin = timezone(timedelta(hours=2))
    assert milliseconds(datetime(2026, 7, 1, 12, tzinfo=berlin)) == milliseconds(
        datetime(2026, 7, 1, 10, tzinfo=UTC)
    )


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        milliseconds(datetime(2026, 7, 1))  # noqa: DTZ001  # the mistake itself


def test_the_clock_runs_in_milliseconds() -> None:
    assert now_milliseconds() > milliseconds(datetime(2026, 1, 1, tzinfo=UTC))
