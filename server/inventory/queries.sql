-- name: list_resources
-- in: kind, owner, pattern of ILIKE (each null for any), date (null for any), position after which, how many
-- answers: one row a resource, in the order of creation; of grids all, for their days are not here
select id, position, kind, title, owner, time_zone, currency, layout, description, categories, capacity, price_from,
  to_char(starts_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as starts_at,
  to_char(ends_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ends_at, address, grid
from resource
where deleted_at is null
  and ($1::text is null or kind = $1)
  and ($2::text is null or owner = $2)
  and ($3::text is null or title ilike $3 or description ilike $3 or address ilike $3)
  and ($4::date is null
    or kind = 'grid'
    or $4 between (starts_at at time zone time_zone)::date and (coalesce(ends_at, starts_at) at time zone time_zone)::date
    or exists (
      select from slot
      where slot.resource_id = resource.id and not slot.blocked
        and slot.starts_at between $4::timestamp - interval '2 days' and $4::timestamp + interval '2 days'
        and (slot.starts_at at time zone resource.time_zone)::date = $4
    ))
  and position > $5
order by position
limit $6;

-- name: read_resource
-- in: id
-- answers: the resource and `version`, which changes whenever anything a client sees does; no row if deleted
select id, kind, title, owner, time_zone, currency, layout, epoch, policy, categories, plan, price_lists,
  description, address, grid,
  to_char(starts_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as starts_at,
  to_char(ends_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ends_at,
  layout || '-' || (extract(epoch from updated_at) * 1000000)::bigint as version
from resource
where id = $1 and deleted_at is null;

-- name: lock_resource
-- in: id
-- answers: one row, deleted or not; other changes of the resource wait
select deleted_at is not null as deleted from resource where id = $1 for update;

-- name: read_version
-- in: id
-- answers: `version` as read_resource has it; no row if deleted
select layout || '-' || (extract(epoch from updated_at) * 1000000)::bigint as version
from resource
where id = $1 and deleted_at is null;

-- name: read_slots
-- in: resource id
-- answers: its slots by index
select index, id, label, capacity, price_amount, category, section, "row", x, y, accessible, blocked,
  to_char(starts_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as starts_at,
  to_char(ends_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ends_at
from slot
where resource_id = $1
order by index;

-- name: read_taken
-- in: resource id
-- answers: index and taken of the slots of which something is booked
select index, taken from slot where resource_id = $1 and taken > 0;

-- name: insert_resource
-- in: the fields of ResourceDraft without slots, then epoch, capacity, price_from, seconds until it is announced
-- answers: version; no row if the id is in use or was
insert into resource (id, kind, title, owner, time_zone, currency, description, starts_at, ends_at, policy,
  categories, plan, price_lists, address, grid, epoch, capacity, price_from, announce_after)
values ($1, $2, $3, $4, $5, $6, $7, $8::text::timestamptz, $9::text::timestamptz, $10, $11, $12, $13, $14, $15, $16,
  $17, $18, clock_timestamp() + make_interval(secs => $19))
on conflict (id) do nothing
returning layout || '-' || (extract(epoch from updated_at) * 1000000)::bigint as version;

-- name: update_resource
-- in: id, title, owner, time_zone, currency, description, starts_at, ends_at, policy, categories, plan, price_lists,
--     address, grid, layout, capacity, price_from, seconds until it is announced
-- answers: version
update resource set title = $2, owner = $3, time_zone = $4, currency = $5, description = $6,
  starts_at = $7::text::timestamptz, ends_at = $8::text::timestamptz, policy = $9, categories = $10, plan = $11,
  price_lists = $12, address = $13, grid = $14, layout = $15, capacity = $16, price_from = $17,
  updated_at = clock_timestamp(), announce_after = clock_timestamp() + make_interval(secs => $18)
where id = $1
returning layout || '-' || (extract(epoch from updated_at) * 1000000)::bigint as version;

-- name: delete_resource
-- in: id, seconds until it is announced
-- answers: version
update resource set deleted_at = clock_timestamp(), updated_at = clock_timestamp(),
  announce_after = clock_timestamp() + make_interval(secs => $2)
where id = $1
returning layout || '-' || (extract(epoch from updated_at) * 1000000)::bigint as version;

-- name: lock_slots
-- in: resource id, indices
-- answers: nothing of use; bookings lock slots in this order too
select from slot where resource_id = $1 and index = any ($2::int[]) order by index for update;

-- name: put_slots
-- in: resource id, then one array for each column: index id label capacity price_amount category section row
--     starts_at ends_at x y accessible blocked
-- A capacity below what is taken breaks slot_taken_within_capacity.
insert into slot (resource_id, index, id, label, capacity, price_amount, category, section, "row", starts_at, ends_at,
  x, y, accessible, blocked)
select $1, new.index, new.id, new.label, new.capacity, new.price_amount, new.category, new.section, new."row",
  new.starts_at::timestamptz, new.ends_at::timestamptz, new.x, new.y, new.accessible, new.blocked
from unnest($2::int[], $3::text[], $4::text[], $5::int[], $6::int[], $7::text[], $8::text[], $9::text[],
  $10::text[], $11::text[], $12::float8[], $13::float8[], $14::bool[], $15::bool[])
  as new (index, id, label, capacity, price_amount, category, section, "row", starts_at, ends_at, x, y, accessible,
    blocked)
on conflict (resource_id, index) do update set label = excluded.label, capacity = excluded.capacity,
  price_amount = excluded.price_amount, category = excluded.category, section = excluded.section,
  "row" = excluded."row", starts_at = excluded.starts_at, ends_at = excluded.ends_at, x = excluded.x, y = excluded.y,
  accessible = excluded.accessible, blocked = excluded.blocked;

-- name: claim_announcements
-- in: seconds for which nobody else shall try
-- answers: id and version of each change that Redis has not been told of
update resource set announce_after = clock_timestamp() + make_interval(secs => $1)
where announce_after < clock_timestamp()
returning id, layout || '-' || (extract(epoch from updated_at) * 1000000)::bigint as version;

-- name: announced
-- in: id, version that Redis now knows
update resource set announce_after = null
where id = $1 and layout || '-' || (extract(epoch from updated_at) * 1000000)::bigint = $2;

-- name: know_time_zone
-- in: name
-- answers: anything; fails for a zone that PostgreSQL does not have
select now() at time zone $1;
