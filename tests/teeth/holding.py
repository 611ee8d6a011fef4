"""Bugs of holds: who has what, until when (I2, I3, I6, I7)."""

from typing import Final

from tests.teeth.bug import Bug, Patch

_LUA: Final = "server/holds/lua"

HOLDING: Final = (
    Bug(
        name="a hold does not look whether the place is free",
        breaks=("I2",),
        patches=(
            Patch(
                f"{_LUA}/lib/taking.lua",
                "if own[item[1]] or record(item[1]).available < item[2] then",
                "if own[item[1]] then",
            ),
        ),
        checks=("tests/torture/test_recorded.py::test_what_five_visitors_did_and_saw_breaks_no_promise",),
        says=r"I2  hall A-\d is had 2 times of 1",
    ),
    Bug(
        name="a part of what was asked for is held",
        breaks=("I2",),
        patches=(
            Patch(
                f"{_LUA}/lib/taking.lua",
                "  if #missing > 0 then return nil, missing end\n  return input.items, missing",
                "  if #missing == #input.items then return nil, missing end\n  return input.items, missing",
            ),
        ),
        checks=("tests/holds/test_holding.py::test_it_is_all_or_nothing",),
        says=r"DID NOT RAISE SlotTaken",
    ),
    Bug(
        name="the hold script is not idempotent",
        after="M6",
        breaks=("I2",),
        patches=(
            Patch(
                f"{_LUA}/lib/ops.lua",
                "local packed = input.op and redis.call('GET', op_key())",
                "local packed = nil",
            ),
        ),
        checks=("tests/holds/test_holding.py::test_a_refused_op_stays_refused",),
        says=r"The hold that this op made has ended",
    ),
    Bug(
        name="anybody may release by naming the hold",
        after="M4",
        breaks=("I9",),
        patches=(
            Patch(
                f"{_LUA}/lib/releasing.lua",
                "if hold and hold.session == input.session then",
                "if hold then",
            ),
        ),
        checks=("tests/holds/test_holding.py::test_what_is_somebody_elses_is_not_found",),
        says=r"DID NOT RAISE NotFound",
    ),
    Bug(
        name="the sweep ends holds without looking at their deadlines",
        after="M5",
        breaks=("I3", "I7"),
        patches=(
            Patch(
                f"{_LUA}/lib/due.lua",
                "ZRANGEBYSCORE', key('deadlines'), '-inf', now,",
                "ZRANGEBYSCORE', key('deadlines'), '-inf', '+inf',",
            ),
        ),
        checks=("tests/holds/test_expiry.py::test_a_hold_ends_by_its_deadline_and_is_announced",),
        says=r">\s+assert await world\.main\.expire\(\) == \[\]",
    ),
    Bug(
        name="what is past its deadline is refused until the sweep comes",
        breaks=("I3",),
        patches=(
            Patch(
                f"{_LUA}/lib/taking.lua",
                "if not items and end_all_due(input.liveness) then",
                "if not items and false then",
            ),
        ),
        checks=(
            "tests/holds/test_expiry.py::test_past_its_deadline_a_hold_counts_as_free_without_any_sweep",
        ),
        says=r"Somebody else has this already",
    ),
    Bug(
        name="a hold that ends is not announced",
        breaks=("I3",),
        patches=(
            Patch(
                f"{_LUA}/lib/keep.lua",
                "    write_hold(hold, 'PX', TOMBSTONE)\n    tell(hold, reason)",
                "    write_hold(hold, 'PX', TOMBSTONE)",
            ),
        ),
        checks=("tests/holds/test_expiry.py::test_a_hold_ends_by_its_deadline_and_is_announced",),
        says=r">\s+\(ended,\) = await world\.main\.expire\(\)",
    ),
    Bug(
        name="a cart can be extended for ever",
        breaks=("I6",),
        patches=(
            Patch(
                f"{_LUA}/lib/cart.lua",
                "return math.min(now + input.hold_ms, first_hold_at + input.max_ms)",
                "return now + input.hold_ms",
            ),
        ),
        checks=("tests/holds/test_carts.py::test_an_extension_moves_the_deadline_below_the_ceiling",),
        says=r"assert \d+ == \(\d+ \+ 3600000\)",
    ),
    Bug(
        name="closing any tab lets the session's holds go",
        after="M17",
        breaks=("I7",),
        patches=(
            Patch(
                "server/holds/attendance.py",
                "        return not known.sockets\n\n    def is_here",
                "        return True\n\n    def is_here",
            ),
            Patch(
                "server/holds/attendance.py",
                "        return known is not None and bool(known.sockets)\n",
                "        return False\n",
            ),
        ),
        checks=("tests/holds/test_liveness.py::test_another_tab_keeps_the_hold",),
        says=r">\s+assert await is_held\(world\)",
    ),
    Bug(
        name="a process forgets the tabs on another one",
        breaks=("I7",),
        patches=(
            Patch(
                f"{_LUA}/lib/live.lua",
                "    latest = math.max(latest or 0, tonumber(live_until))",
                "    latest = math.min(latest or math.huge, tonumber(live_until))",
            ),
        ),
        checks=("tests/holds/test_liveness.py::test_a_tab_on_another_process_keeps_the_hold",),
        says=r">\s+assert await is_held\(world\)",
    ),
    Bug(
        name="hello does not stop the grace",
        breaks=("I7",),
        patches=(
            Patch(
                f"{_LUA}/renew.lua",
                "    redis.call('HDEL', key('live', session), 'leave')\n",
                "",
            ),
            Patch(
                f"{_LUA}/renew.lua",
                "set_liveness(session, input.process, now + input.live_ms)",
                "local _ = input.live_ms",
            ),
        ),
        checks=(
            "tests/holds/test_liveness.py::test_a_reload_within_the_grace_keeps_the_hold_and_its_deadline",
        ),
        says=r">\s+assert await is_held\(world\)",
    ),
    Bug(
        name="who leaves has no grace",
        breaks=("I7",),
        patches=(
            Patch(
                f"{_LUA}/leave.lua",
                "now + input.grace_ms)",
                "0)",
            ),
        ),
        checks=("tests/holds/test_liveness.py::test_closing_the_last_tab_starts_the_grace",),
        says=r">\s+assert await is_held\(world\)",
    ),
    Bug(
        name="a hold ends by its deadline while it is being paid",
        breaks=("I6",),
        patches=(
            Patch(
                f"{_LUA}/lib/keep.lua",
                "    stands, leaves = leaves, stands\n    hold.put_off",
                "    hold.put_off",
            ),
        ),
        checks=("tests/holds/test_paying.py::test_no_deadline_of_its_own_ends_what_is_being_paid",),
        says=r">\s+assert await world\.main\.expire\(\) == \[\]",
    ),
    Bug(
        name="a booking is made of holds that have ended",
        after="M2",
        breaks=("I1", "I3"),
        patches=(
            Patch(
                f"{_LUA}/pay.lua",
                "  if not is_live(hold) then return false end\n",
                "  if hold then return true end\n",
            ),
        ),
        checks=("tests/holds/test_paying.py::test_past_its_deadline_a_hold_is_not_paid_for",),
        says=r">\s+assert ended == \[held\.hold\]",
    ),
    Bug(
        name="a hold ends by its deadline while its booking is being written",
        breaks=("I2",),
        patches=(
            Patch(f"{_LUA}/await.lua", "    if may_be_booked(hold) then wait_for_word(hold) end\n", ""),
        ),
        checks=(
            "tests/bookings/test_waiting.py::test_a_seat_whose_booking_stands_is_nobody_elses_though_its_process_died",
        ),
        says=r"DID NOT RAISE SlotTaken",
    ),
    Bug(
        name="a hold ends by its buyer's leaving while its booking is being written",
        breaks=("I2",),
        patches=(Patch(f"{_LUA}/await.lua", "stays_alive_until(input.session, moment)\n", ""),),
        checks=("tests/bookings/test_waiting.py::test_nor_if_its_buyer_was_gone_by_then",),
        says=r"E  .*released",
    ),
    Bug(
        name="whoever asks to book again and again keeps the hold for ever",
        breaks=("I3",),
        patches=(Patch(f"{_LUA}/await.lua", "(not hold.put_off or waits_for_word(hold))", "true"),),
        checks=("tests/holds/test_awaiting.py::test_nobody_prolongs_a_hold_by_asking_again_and_again",),
        says=r"assert \[\] == ",
    ),
    Bug(
        name="a clock that goes back keeps holds for as much longer",
        breaks=("I3",),
        patches=(Patch(f"{_LUA}/expire.lua", "if meta.longest > 0 then bring_back(input.limit) end\n", ""),),
        checks=(
            "tests/holds/test_expiry.py::test_when_the_clock_goes_back_nothing_is_held_longer_than_once_more",
        ),
        says=r"assert \[\] == \[\(Hold",
    ),
    Bug(
        name="what is confirmed is not counted as booked",
        breaks=("I2",),
        patches=(
            Patch(
                f"{_LUA}/lib/keep.lua",
                "status == 'confirmed' and item[2] or 0)",
                "0)",
            ),
        ),
        checks=("tests/holds/test_paying.py::test_a_confirmed_hold_is_booked_once",),
        says=r"\(1, 0, 0\) == \(0, 0, 1\)",
    ),
    Bug(
        name="a rebuild of Redis forgets what is booked",
        breaks=("I8", "I1"),
        patches=(
            Patch(
                "server/bookings/booked.py",
                "confirmed = await store.confirmed_counts(",
                "confirmed = {} and await store.confirmed_counts(",
            ),
        ),
        checks=(
            "tests/bookings/test_applier.py::test_with_redis_at_another_epoch_nothing_is_applied_until_it_is_rebuilt",
        ),
        says=r"assert \(1, 1\) == \(1, 0\)|'confirmed': 1\}, 1, 0\)",
    ),
    Bug(
        name="PostgreSQL takes any number of bookings for a slot",
        after="M1",
        breaks=("I1",),
        patches=(
            Patch(
                "server/database/migrations/0001_inventory.sql",
                "check (taken >= 0 and taken <= capacity)",
                "check (taken >= 0)",
            ),
        ),
        checks=("tests/bookings/test_making.py::test_the_constraint_itself_holds_whatever_the_program_does",),
        says=r"DID NOT RAISE Exception",
    ),
    Bug(
        name="PostgreSQL takes ranges that overlap",
        after="M1",
        breaks=("I1",),
        patches=(
            Patch(
                "server/database/migrations/0008_grids.sql",
                "during with &&) where (exclusive)",
                "during with =) where (exclusive)",
            ),
        ),
        checks=(
            "tests/bookings/test_ranges.py::test_the_constraint_keeps_ranges_apart_where_the_count_would_not",
        ),
        says=r"DID NOT RAISE SlotTaken",
    ),
    Bug(
        name="nobody looks in PostgreSQL whether there is room",
        breaks=("I1",),
        patches=(
            Patch(
                "server/bookings/taking.py",
                "return sorted(slot.id for pair, slot in slots.items() if not slot.has_room(wanted[pair]))",
                "return []",
            ),
        ),
        checks=(
            "tests/payments/test_late.py::test_the_constraint_decides_a_late_payment_even_if_redis_lies",
        ),
        says=r"\('cancelled', 'failed'\) == \('cancelled', 'refunded'\)",
    ),
)
