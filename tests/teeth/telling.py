"""Bugs of what people are shown and told, and of who may ask (I5, I9, I10)."""

from typing import Final

from tests.teeth.bug import Bug, Patch

_LUA: Final = "server/holds/lua"

TELLING: Final = (
    Bug(
        name="versions are counted in Redis alone",
        after="M3",
        breaks=("I10",),
        patches=(
            Patch(
                f"{_LUA}/lib/commit.lua",
                "return math.max(meta.version + 1, meta.told + 1, micros)",
                "return meta.version + 1",
            ),
        ),
        checks=("tests/holds/test_live_state.py::test_versions_follow_the_clock_and_never_go_back",),
        says=r"assert 2 == \(\d+ \+ 1\)",
    ),
    Bug(
        name="versions follow a clock that is set back",
        after="M18",
        breaks=("I10",),
        patches=(
            Patch(
                f"{_LUA}/lib/commit.lua",
                "return math.max(meta.version + 1, meta.told + 1, micros)",
                "return micros",
            ),
        ),
        checks=("tests/holds/test_live_state.py::test_versions_follow_the_clock_and_never_go_back",),
        says=r"assert (\d+) == \(\1 \+ 1\)",
    ),
    Bug(
        name="a change without a version of its own",
        after="M15",
        breaks=("I10",),
        patches=(
            Patch(
                f"{_LUA}/lib/commit.lua",
                "KEYS[1], 'version', string.format('%.0f', meta.version))\n    log_and_publish(from, flat)",
                "KEYS[1], 'version', string.format('%.0f', from))\n    log_and_publish(from, flat)",
            ),
        ),
        checks=("tests/holds/test_live_state.py::test_an_old_state_and_the_log_make_the_new_state",),
        says=r"equal or smaller than the target stream top item",
    ),
    Bug(
        name="a change is not published",
        after="M14",
        breaks=("I5",),
        patches=(
            Patch(
                f"{_LUA}/lib/commit.lua",
                "  trim_log(log)\n  publish_change(from, packed)\n",
                "  trim_log(log)\n",
            ),
        ),
        checks=("tests/holds/test_expiry.py::test_a_hold_ends_by_its_deadline_and_is_announced",),
        says=r">\s+\(\(_, _, start, end, changes\),\) = heard\.changes",
    ),
    Bug(
        name="a replica takes what does not follow",
        breaks=("I5", "I10"),
        patches=(
            Patch(
                "channels/replica.py",
                "if from_version != self.version or not self._fits(changes):",
                "if not self._fits(changes):",
            ),
        ),
        checks=(
            "tests/channels/test_replica.py::test_what_starts_later_or_earlier_is_a_gap_and_changes_nothing",
        ),
        says=r"Outcome.APPLIED: 'applied'> is <Outcome.GAP",
    ),
    Bug(
        name="what is said while a snapshot is read is forgotten",
        after="M16",
        breaks=("I10",),
        patches=(
            Patch("channels/upkeep.py", "            self._buffer.append(message)\n", "            pass\n"),
        ),
        checks=("tests/channels/test_repairs.py::test_what_is_said_while_the_hub_reads_is_not_lost",),
        says=r"assert \[\(1, 0\), \(1, .* == \[\(1, 0\), \(0,",
    ),
    Bug(
        name="commands to Redis are repeated by the library",
        after="M7",
        breaks=("I2",),
        patches=(Patch("channels/redis_clients.py", "Retry(NoBackoff(), 0)", "Retry(NoBackoff(), 10)"),),
        checks=("tests/channels/test_redis_clients.py::test_a_command_is_not_repeated_when_nobody_answers",),
        says=r">\s+assert await client\.get|DID NOT RAISE",
    ),
    Bug(
        name="what is written down is told before it is committed",
        after="M13",
        breaks=("I8",),
        patches=(
            Patch(
                "server/bookings/outbox.py",
                "    return len(written)\n",
                '    await connection.execute("commit and chain")\n    return len(written)\n',
            ),
        ),
        checks=("tests/notices/test_dispatch.py::test_what_was_rolled_back_is_never_told",),
        says=r">\s+assert await desk\.tells\(\) == 0",
    ),
    Bug(
        name="a message counts as sent before it is",
        after="M24",
        breaks=("I8",),
        patches=(
            Patch(
                "server/notices/deliveries.py",
                "        message, tried = digest(outgoing.messages), Tried()\n",
                "        message, tried = digest(outgoing.messages), Tried()\n"
                '        await self._end(outgoing.id, "sent", "", None)\n',
            ),
        ),
        checks=(
            "tests/notices/test_deliveries.py::test_what_a_crash_interrupts_is_sent_again_with_the_same_key",
        ),
        says=r"assert 'sent' == 'waiting'",
    ),
    Bug(
        name="a hold is told to everybody",
        after="M23",
        breaks=("I9",),
        patches=(
            Patch(
                "server/live/table.py",
                "        session.tabs.append(tab)\n",
                "        session.tabs.extend(self._tabs.values())\n",
            ),
        ),
        checks=("tests/live/test_private.py::test_nobody_hears_whose_a_place_is",),
        says=r">\s+assert \[name for name in \(\*CANARIES, \*names\) if name in told\] == \[\]",
    ),
    Bug(
        name="a booking is anybody's to see",
        breaks=("I9",),
        patches=(
            Patch(
                "server/bookings/rules.py",
                "    return bool(caller.session) and caller.session == session\n",
                "    return True\n",
            ),
        ),
        checks=(
            "tests/payments/test_http.py::test_nobody_else_reads_pays_or_cancels_and_it_looks_as_if_there_were_nothing",
        ),
        says=r"assert \{200, 404\} == \{404\}",
    ),
    Bug(
        name="a page of anybody's may open a socket",
        breaks=("I9",),
        patches=(
            Patch(
                "server/http/cross_site.py",
                "        return origin in settings.origins\n",
                "        return bool(origin)\n",
            ),
        ),
        checks=("tests/live/test_handshake.py::test_a_foreign_page_gets_no_socket",),
        says=r"DID NOT RAISE InvalidStatus",
    ),
    Bug(
        name="a token is believed whoever signed it",
        breaks=("I9",),
        patches=(
            Patch(
                "server/accounts/users.py",
                "                options=_UNCHECKED,",
                '                options={**_UNCHECKED, "verify_signature": False},',
            ),
        ),
        checks=("tests/accounts/test_users.py::test_90_to_93_and_96_forgeries_are_refused",),
        says=r"DID NOT RAISE Unauthorized",
    ),
)
