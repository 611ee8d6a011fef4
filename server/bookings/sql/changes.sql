-- Changes of bookings' places. Lock order: resources, the changed booking, its change, slots, payments.

-- name: insert
-- $1 change, $2 booking, $3 lines before, $4 lines after, $5 what goes back, $6 starts, $7 ends: its own booking has
-- just been written.
with marked as (update booking set change_of = $2 where id = $1)
insert into booking_change (id, booking_id, before, after, refund, starts_at, ends_at)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: find
-- $1 change.
select * from booking_change where id = $1;

-- name: confirmed
-- $1 how many → changes that are confirmed and not made yet.
select id from booking where change_of is not null and status = 'confirmed' order by touched_at limit $1;

-- name: clear_lines
-- $1 a booking and its change: their lines are written anew.
delete from booking_line where booking_id = any($1::uuid[]);

-- name: clear_ranges
-- $1 a booking and its change.
delete from booking_range where booking_id = any($1::uuid[]);

-- name: insert_lines
-- $1 booking, then one array for each column: lines that Redis has as booked.
insert into booking_line (
  booking_id, position, resource_id, slot_index, slot_id, label, quantity, unit_price, hold_id,
  range_start, range_end, state, applied
)
select $1, item.*, 'confirmed', 'confirmed'
from unnest(
  $2::integer[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::integer[], $8::integer[],
  $9::text[], $10::text[], $11::text[]
) as item;

-- name: write
-- $1 booking, $2 total, $3 payment status, $4 starts, $5 ends, $6 now. When it began before is kept.
update booking set total = $2, payment_status = $3, starts_at = $4, ends_at = $5, version = version + 1,
  touched_at = $6, refund_start = least(refund_start, starts_at)
where id = $1;
