"""Many at once become few."""

from datetime import datetime

import pytest

from server.notices.batching import PACES, Lately, after_quiet, due, minutes
from server.notices.channel import CHANNELS, Channel, Message, Recipient
from server.notices.digests import digest
from server.notices.rules import Preferences, Quiet

NOW = 1_795_000_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def test_every_channel_has_a_pace_or_none() -> None:
    assert set(PACES) == set(CHANNELS)
    assert PACES["webhook"] is None


@pytest.mark.parametrize(
    ("channel", "first"), [("push", 0), ("email", 2_000), ("sms", 2_000), ("webhook", 0)]
)
def test_the_first_goes_after_a_breath(channel: Channel, first: int) -> None:
    assert due(channel, NOW, Lately(), Preferences()) == NOW + first


def test_each_further_one_waits_longer_up_to_a_limit() -> None:
    gaps, latest = [], NOW
    for sent in range(1, 9):
        planned = due("email", NOW, Lately(sent, latest), Preferences())
        gaps.append((planned - latest) // 1000)
        latest = planned
    assert gaps == [5, 10, 20, 40, 60, 60, 60, 60]


def test_who_is_nobodys_user_is_written_to_within_ten_seconds_however_often() -> None:
    waits, latest = [], NOW
    for sent in range(1, 30):
        planned = due("email", latest + 200, Lately(sent, latest), Preferences(), stranger=True)
        waits.append(planned - latest)
        latest = planned
    assert waits[:3] == [3_000, 6_000, 6_000]
    assert max(waits) == 6_000


def test_after_a_quiet_while_nothing_waits() -> None:
    assert due("email", NOW, Lately(1, NOW - 200_000), Preferences()) == NOW + 2_000


def test_a_webhook_hears_of_each_at_once() -> None:
    assert due("webhook", NOW, Lately(200, NOW), Preferences(batch_seconds=3600)) == NOW


def test_a_user_may_ask_for_seldomer() -> None:
    seldom = Preferences(batch_seconds=3600)
    assert due("push", NOW, Lately(1, NOW), seldom) == NOW + 3_600_000
    assert due("push", NOW, Lately(), seldom) == NOW


@pytest.mark.parametrize(
    ("moment", "start", "end", "zone", "then"),
    [
        ("2026-11-21T23:00Z", "22:00", "07:00", "Europe/London", "2026-11-22T07:00Z"),
        ("2026-11-22T06:59Z", "22:00", "07:00", "Europe/London", "2026-11-22T07:00Z"),
        ("2026-11-22T07:00Z", "22:00", "07:00", "Europe/London", "2026-11-22T07:00Z"),
        ("2026-11-21T12:00Z", "22:00", "07:00", "Europe/London", "2026-11-21T12:00Z"),
        ("2026-11-21T12:30Z", "12:00", "13:00", "UTC", "2026-11-21T13:00Z"),
        ("2026-10-24T22:30Z", "23:00", "07:00", "Europe/London", "2026-10-25T07:00Z"),
        ("2026-03-29T00:30Z", "23:00", "01:30", "Europe/London", "2026-03-29T01:30Z"),
    ],
)
def test_quiet_lasts_until_its_end_by_the_clocks_there(
    moment: str, start: str, end: str, zone: str, then: str
) -> None:
    assert after_quiet(at(moment), Quiet(start=start, end=end, time_zone=zone)) == at(then)


@pytest.mark.parametrize("text", ["", "7:00", "07:0", "24:00", "07:60", "0700", "ab:cd", "07:00:00", "+7:00"])
def test_what_is_no_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="is no time of day"):
        minutes(text)


def message(place: int, kind: str = "booking_confirmed") -> Message:
    return Message(
        key=f"k{place}",
        event=f"e{place}",
        kind=kind,
        title=f"Confirmed: {place}",
        text="Text",
        data={"reference": f"BK-{place}"},
        recipient=Recipient(address="olga@example.org", user="olga", side="owner"),
        created_at=NOW + place,
    )


def test_one_alone_stays_as_it_is() -> None:
    assert digest([message(0)]) == message(0)


def test_several_are_one_with_the_firsts_key() -> None:
    made = digest([*(message(place) for place in range(30)), message(30, "booking_cancelled")])
    assert (made.kind, made.key, made.event) == ("digest", "k0", "e0")
    assert made.title == "31 notices: 30 confirmed, 1 cancelled"
    assert made.text.splitlines()[0] == "• Confirmed: 0 (BK-0)"
    assert made.text.splitlines()[-1] == "… and 11 more"
    assert len(made.parts) == 31
    assert made.created_at == NOW + 30
