"""The budget for control frames is the same whatever the clock says."""

import pytest

from channels.control import BURST, PER_SECOND, after_one_more
from channels.frames import Violation
from channels.protocol import CloseCode

CLOCKS = [0.0, 0.1, 12_345.678_901_234, 13_786.92, 86_399.999_999_9, 3_000_000.3, 1_000_000_000.7]


@pytest.mark.parametrize("now", [clock + step / 7 for clock in CLOCKS for step in range(20)])
def test_a_burst_is_all_there_and_no_frame_more(now: float) -> None:
    until = 0.0
    for _ in range(BURST):
        until = after_one_more(until, now)
    with pytest.raises(Violation) as caught:
        after_one_more(until, now)
    assert caught.value.code == CloseCode.POLICY


@pytest.mark.parametrize("now", CLOCKS)
def test_each_second_brings_its_frames_back_and_no_more_than_a_burst(now: float) -> None:
    until = 0.0
    for _ in range(BURST):
        until = after_one_more(until, now)
    for _ in range(int(PER_SECOND)):
        until = after_one_more(until, now + 1)
    with pytest.raises(Violation):
        after_one_more(until, now + 1)
    for _ in range(BURST):
        until = after_one_more(until, now + 3_600)
    with pytest.raises(Violation):
        after_one_more(until, now + 3_600)
