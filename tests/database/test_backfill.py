"""Bookings from before they knew when they take place learn it by the migration."""

from pathlib import Path

import asyncpg

from server.database.migrate import migrate, read_migrations

BEFORE = 8
OLD = """
insert into resource (id, kind, title, owner, time_zone, currency, epoch, starts_at, ends_at) values
  ('gig', 'seats', 'Gig', 'olga', 'UTC', 'eur', 'e', '2026-05-01 18:00Z', '2026-05-01 21:00Z'),
  ('tour', 'sessions', 'Tour', 'olga', 'UTC', 'eur', 'e', null, null);
insert into slot (resource_id, index, id, label, capacity, price_amount, starts_at, ends_at) values
  ('gig', 0, 'A-1', 'A-1', 1, 100, null, null),
  ('tour', 0, 'am', 'am', 9, 100, '2026-05-01 09:00Z', '2026-05-01 10:00Z'),
  ('tour', 1, 'pm', 'pm', 9, 100, '2026-05-02 14:00Z', '2026-05-02 15:00Z'),
  ('tour', 2, 'any', 'any', 9, 100, null, null);
create function book(reference text, status text, lines text[][]) returns void language plpgsql as $$
declare made uuid := gen_random_uuid();
begin
  insert into booking (id, reference, session, owner, status, payment_status, currency, total, customer,
    driver_location, created_at, expires_at, release_at, touched_at, confirmed_at, cancelled_at,
    cancel_reason)
  values (made, reference, 's', 'olga', status, 'paid', 'eur', 100, '{}', '{"address": "here"}', now(), now(),
    now(), now(), now(), case status when 'cancelled' then now() end,
    case status when 'cancelled' then 'expired' end);
  for place in 1 .. array_length(lines, 1) loop
    insert into booking_line (booking_id, position, resource_id, slot_index, slot_id, label, quantity,
      unit_price, hold_id, state)
    values (made, place, lines[place][1], lines[place][2]::integer, '', '', 1, 100, 'h', 'confirmed');
  end loop;
end $$;
select book('of a resource', 'confirmed', array[['gig', '0']]);
select book('of two slots', 'confirmed', array[['tour', '1'], ['tour', '0']]);
select book('partly of no time', 'confirmed', array[['tour', '0'], ['tour', '2']]);
select book('of no time', 'confirmed', array[['tour', '2']]);
select book('cancelled', 'cancelled', array[['tour', '0']]);
"""
NOW = """
select reference, to_char(starts_at at time zone 'utc', 'DD HH24') as starts,
  to_char(ends_at at time zone 'utc', 'DD HH24') as ends, driver_location is not null as located
from booking
"""


async def test_old_bookings_learn_when_they_take_place(empty_database_url: str, tmp_path: Path) -> None:
    for migration in read_migrations()[:BEFORE]:
        (tmp_path / f"{migration.name}.sql").write_text(migration.sql, encoding="utf-8")
    await migrate(empty_database_url, folder=tmp_path)
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(OLD)
    await migrate(empty_database_url)
    rows = await connection.fetch(NOW)
    await connection.close()
    assert {row["reference"]: (row["starts"], row["ends"], row["located"]) for row in rows} == {
        "of a resource": ("01 18", "01 21", True),
        "of two slots": ("01 09", "02 15", True),
        "partly of no time": ("01 09", None, True),
        "of no time": (None, None, True),
        "cancelled": ("01 09", "01 10", False),
    }
