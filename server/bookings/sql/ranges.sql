-- Ranges of time and the rows of their steps. Lock order: see queries.sql; a step's row is made where its lock is
-- taken, in the same order, before any lock of the others.

-- name: ensure_steps
-- One array for each column, ordered by resource and index. A step's row is there from its first booking on;
-- where its grid's capacity has changed since, so has the row's, but never below what is taken. The capacity is
-- that of the locked resource: who asks may remember an older one.
insert into slot (resource_id, index, id, label, capacity, price_amount, section, starts_at, ends_at)
select item.resource_id, item.index, item.id, item.label, coalesce((r.grid ->> 'capacity')::integer, 1),
  item.price_amount, item.section, item.starts_at, item.ends_at
from unnest(
  $1::text[], $2::integer[], $3::text[], $4::text[], $5::integer[], $6::text[],
  $7::timestamptz[], $8::timestamptz[]
) as item (resource_id, index, id, label, price_amount, section, starts_at, ends_at)
join resource r on r.id = item.resource_id
order by item.resource_id, item.index
on conflict (resource_id, index) do update set capacity = greatest(excluded.capacity, slot.taken)
where slot.capacity <> greatest(excluded.capacity, slot.taken);

-- name: insert_ranges
-- $1 booking, then one array for each column: hold, resource, start, end. Where a grid has one place at a time,
-- the constraint keeps them apart.
insert into booking_range (booking_id, hold_id, resource_id, during, exclusive)
select $1, item.hold_id, item.resource_id, tstzrange(item.starts_at, item.ends_at),
  coalesce((r.grid ->> 'capacity')::integer, 1) = 1
from unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
  as item (hold_id, resource_id, starts_at, ends_at)
join resource r on r.id = item.resource_id;

-- name: delete_ranges
-- $1 booking: they are free for others from the commit on.
delete from booking_range where booking_id = $1;

-- name: overlapped
-- One array for each column: hold, resource, start, end → the holds whose ranges are somebody's.
select distinct item.hold_id
from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[])
  as item (hold_id, resource_id, starts_at, ends_at)
join booking_range b
  on b.resource_id = item.resource_id and b.exclusive and b.during && tstzrange(item.starts_at, item.ends_at);
