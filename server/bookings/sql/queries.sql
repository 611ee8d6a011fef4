-- Lock order, everywhere: resources by id (key share), the booking, slots by (resource, index), payments.

-- name: lock_resources
-- $1 text[] ids → id, epoch. Keeps a rebuild of Redis (which takes the row for update) out of this transaction.
select id, epoch from resource where id = any($1::text[]) order by id for key share;

-- name: epochs
-- $1 text[] ids → id, epoch of those that were not deleted, without a lock.
select id, epoch from resource where id = any($1::text[]) and deleted_at is null;

-- name: lock_slots
-- $1 text[], $2 integer[] pairs → every one of them, locked in order.
select s.resource_id, s.index, s.id, s.label, s.capacity, s.taken, s.blocked
from slot s
join (select distinct * from unnest($1::text[], $2::integer[]) as pair (resource_id, index)) wanted
  using (resource_id, index)
order by s.resource_id, s.index
for no key update of s;

-- name: read_slots
-- The same without a lock.
select s.resource_id, s.index, s.id, s.label, s.capacity, s.taken, s.blocked
from slot s
join (select distinct * from unnest($1::text[], $2::integer[]) as pair (resource_id, index)) wanted
  using (resource_id, index);

-- name: add_to_taken
-- $1 text[], $2 integer[], $3 integer[]: resource, index, how many more (or fewer).
update slot s set taken = s.taken + wanted.quantity
from (
  select resource_id, index, sum(quantity)::integer as quantity
  from unnest($1::text[], $2::integer[], $3::integer[]) as item (resource_id, index, quantity)
  group by resource_id, index
) wanted
where s.resource_id = wanted.resource_id and s.index = wanted.index;

-- name: open_booking
-- A booking and its places in one: $1 to $19 as insert_booking's, $20 text[] its resources, $21 to $31 as
-- insert_lines' arrays → its slots as they were; where one of them has no room nothing was counted, no line stands,
-- and the caller rolls back. Each part reads from the one that has to be locked before it.
-- What is counted is counted from `locked`: the row's constraint would else be held against the slot as the statement's
-- snapshot has it, which may be full of what was given up while the lock was waited for.
with shared as materialized (
  select id from resource where id = any($20::text[]) order by id for key share
), made as (
  insert into booking (
    id, reference, session, user_id, owner, status, payment_status, currency, total, customer, attendees,
    special_requests, driver_location, created_at, expires_at, release_at, touched_at, extend_until,
    base_currency, rate, quoted_at, starts_at, ends_at, refund_policies
  )
  select $1, $2, $3, $4, $5, 'pending', 'pending', $6, $7, $8, $9, $10, $11, $12::timestamptz, $13::timestamptz,
    $13::timestamptz, $12::timestamptz, $13::timestamptz + interval '5 minutes', $14, $15, $16, $17, $18, $19
  from (select count(*) from shared) as all_of_them
  returning id
), item as materialized (
  select * from unnest(
    $21::integer[], $22::text[], $23::integer[], $24::text[], $25::text[], $26::integer[], $27::integer[],
    $28::text[], $29::text[], $30::text[], $31::integer[]
  ) as item (
    position, resource_id, index, slot_id, label, quantity, unit_price, hold_id, range_start, range_end, base_price)
), locked as materialized (
  select s.resource_id, s.index, s.id, s.label, s.capacity, s.taken, s.blocked, wanted.quantity
  from slot s
  join (select resource_id, index, sum(quantity)::integer as quantity from item group by resource_id, index) wanted
    using (resource_id, index)
  cross join made
  order by s.resource_id, s.index
  for no key update of s
), room as (
  select coalesce(bool_and(not blocked and taken + quantity <= capacity), false) as is_there from locked
), counted as (
  update slot s set taken = locked.taken + locked.quantity from locked, room
  where room.is_there and s.resource_id = locked.resource_id and s.index = locked.index
), written as (
  insert into booking_line (
    booking_id, position, resource_id, slot_index, slot_id, label, quantity, unit_price, hold_id,
    range_start, range_end, base_price, state
  )
  select $1, item.position, item.resource_id, item.index, locked.id, locked.label, item.quantity, item.unit_price,
    item.hold_id, item.range_start, item.range_end, item.base_price, 'pending'
  from item join locked using (resource_id, index) cross join room where room.is_there
)
select resource_id, index, id, label, capacity, taken, blocked from locked;

-- name: open_bookings
-- The same of several: $1 them with their lines as JSON → for each line its booking, whether there was room for all
-- of them, and the slot as it was. Where there was not, nothing was counted, and the caller rolls back. A booking one
-- of whose resources is being rebuilt is left out. Nothing is waited for longer than $2 (ms, as text).
with patience as materialized (
  select set_config('lock_timeout', $2, true) as is_set
), new as materialized (
  select new.* from patience cross join json_to_recordset($1::json) as new (
    id uuid, reference text, session text, user_id text, owner text, currency text, total bigint, customer jsonb,
    attendees jsonb, special_requests text, driver_location jsonb, created_at timestamptz, expires_at timestamptz,
    base_currency text, rate numeric, quoted_at timestamptz, starts_at timestamptz, ends_at timestamptz,
    refund_policies jsonb, lines json)
  where patience.is_set is not null
), item as materialized (
  select new.id as booking_id, line.* from new cross join json_to_recordset(new.lines) as line (
    position integer, resource text, index integer, quantity integer, price integer, hold text, base_price integer)
), shared as materialized (
  select id from resource where id in (select resource from item) order by id for key share skip locked
), made as (
  insert into booking (
    id, reference, session, user_id, owner, status, payment_status, currency, total, customer, attendees,
    special_requests, driver_location, created_at, expires_at, release_at, touched_at, extend_until,
    base_currency, rate, quoted_at, starts_at, ends_at, refund_policies
  )
  select id, reference, session, user_id, owner, 'pending', 'pending', currency, total, customer, attendees,
    special_requests, driver_location, created_at, expires_at, expires_at, created_at,
    expires_at + interval '5 minutes', base_currency, rate, quoted_at, starts_at, ends_at, refund_policies
  from new
  where not exists (
    select from item where booking_id = new.id and resource not in (select id from shared))
  order by reference
  returning id
), locked as materialized (
  select s.resource_id, s.index, s.id, s.label, s.capacity, s.taken, s.blocked, wanted.quantity
  from slot s
  join (
    select item.resource, item.index, sum(item.quantity)::integer as quantity
    from item join made on made.id = item.booking_id group by item.resource, item.index
  ) wanted on wanted.resource = s.resource_id and wanted.index = s.index
  order by s.resource_id, s.index
  for no key update of s
), room as materialized (
  select coalesce(bool_and(not blocked and taken + quantity <= capacity), false) as is_there from locked
), counted as (
  update slot s set taken = locked.taken + locked.quantity from locked, room
  where room.is_there and s.resource_id = locked.resource_id and s.index = locked.index
), mine as materialized (
  select item.*, locked.id as slot_id, locked.label as slot_label, locked.capacity, locked.taken, locked.blocked
  from item join made on made.id = item.booking_id
  join locked on locked.resource_id = item.resource and locked.index = item.index
), written as (
  insert into booking_line (
    booking_id, position, resource_id, slot_index, slot_id, label, quantity, unit_price, hold_id, base_price, state
  )
  select booking_id, position, resource, index, slot_id, slot_label, quantity, price, hold, base_price, 'pending'
  from mine cross join room where room.is_there
)
select booking_id, room.is_there, resource, index, slot_id, slot_label, capacity, taken, blocked
from mine cross join room;

-- name: insert_booking
insert into booking (
  id, reference, session, user_id, owner, status, payment_status, currency, total, customer, attendees,
  special_requests, driver_location, created_at, expires_at, release_at, touched_at, extend_until,
  base_currency, rate, quoted_at, starts_at, ends_at, refund_policies
) values (
  $1, $2, $3, $4, $5, 'pending', 'pending', $6, $7, $8, $9, $10, $11, $12, $13, $13, $12,
  $13::timestamptz + interval '5 minutes', $14, $15, $16, $17, $18, $19
);

-- name: insert_lines
-- $1 uuid, then one array for each column.
insert into booking_line (
  booking_id, position, resource_id, slot_index, slot_id, label, quantity, unit_price, hold_id,
  range_start, range_end, base_price, state
)
select $1, item.*, 'pending'
from unnest(
  $2::integer[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::integer[], $8::integer[],
  $9::text[], $10::text[], $11::text[], $12::integer[]
) as item;

-- name: bookings
-- $1 uuid[] → bookings with their lines and what their payments come to, newest first; see the view's own words.
select * from whole_booking where id = any($1::uuid[]) order by position desc;

-- name: lock_booking
-- $1 booking → all of it, as it is once the lock is had.
select * from locked_booking($1);

-- name: lock_bookings
-- $1 uuid[] → those of them that nobody else has locked.
select * from locked_bookings($1);

-- name: lock_booking_with_resources
-- The same, its resources locked first as above.
select * from locked_booking_with_resources($1);

-- name: live_by_reference
select id from booking where reference = $1 and status <> 'cancelled';

-- name: pending_of_session
-- $1 session, $2 user (null: none) → its latest pending booking that is no other user's.
select id from booking
where session = $1 and status = 'pending' and change_of is null and (user_id is null or user_id = $2)
order by position desc limit 1;

-- name: user_of_session
-- $1 session → the user whose it is, as far as its bookings say so.
select user_id from booking where session = $1 and user_id is not null order by position desc limit 1;

-- name: nobodys_of_session
-- $1 session, $2 user → what it booked that is no user's, nor of what is that user's own.
select id from booking where session = $1 and user_id is null and owner <> $2 order by position desc;

-- name: adopt
-- $1 booking, $2 session, $3 user, $4 now → its id, if it was still nobody's.
update booking set user_id = $3, version = version + 1, touched_at = $4
where id = $1 and session = $2 and user_id is null
returning id;

-- name: page
-- $1 session ('': none), of which what is no user's, $2 user (null: none): whose bookings; $3 owner (null: none) of what was booked; $4
-- position below which, $5 how many; the rest null for any: $6 statuses, $7 payment statuses, $8 approvals, $9
-- resource, $10 and $11 a time in which it takes place, $12 text in its reference or its customer's name.
-- → id, position, newest first. What never came to be for want of a hold is left out, and so are changes.
select b.id, b.position from booking b
where ((b.session = $1 and $1 <> '' and b.user_id is null) or b.user_id = $2 or b.owner = $3)
  and b.position < $4 and b.cancel_reason is distinct from 'hold_expired' and b.change_of is null
  and ($6::text[] is null or b.status = any($6))
  and ($7::text[] is null or b.payment_status = any($7))
  and ($8::text[] is null or b.approval = any($8))
  and ($9::text is null or exists (
    select from booking_line l where l.booking_id = b.id and l.resource_id = $9))
  and ($10::timestamptz is null or coalesce(b.ends_at > $10, b.starts_at >= $10))
  and ($11::timestamptz is null or b.starts_at < $11)
  and ($12::text is null or strpos(lower(b.reference), lower($12)) > 0
    or strpos(lower(b.customer ->> 'name'), lower($12)) > 0)
order by b.position desc limit $5;

-- name: update_booking
-- $1 id; the rest is the whole of what changes in a booking's life. Where its driver is, is nobody's business
-- once it is over.
update booking set
  status = $2, payment_status = $3, confirmed_at = $4, confirmed_by = $5, cancelled_at = $6,
  cancel_reason = $7, version = version + 1, touched_at = $8, approval = $9,
  driver_location = case when $2 in ('cancelled', 'completed') then null else driver_location end
where id = $1;

-- name: confirm_booking
-- $1 to $9 as update_booking's; its lines follow, and $10 event, $11 kind, $12 facts (all null: nobody) are told.
with changed as (
  update booking set
    status = $2, payment_status = $3, confirmed_at = $4, confirmed_by = $5, cancelled_at = $6,
    cancel_reason = $7, version = version + 1, touched_at = $8, approval = $9
  where id = $1
), told as (
  insert into outbox (id, kind, booking_id, facts)
  select $10::uuid, $11::text, $1, $12::jsonb where $10::uuid is not null
  on conflict (id) do nothing
)
update booking_line set state = 'confirmed' where booking_id = $1 and state <> 'confirmed';

-- name: write_paid
-- Locked bookings that are confirmed: $1 ids, $2 payment statuses, $3 when and $4 by what each was confirmed, $5 now;
-- their lines follow. $6 to $9 what their people are told, as tell_all's. $10 those that Redis and the listeners know.
with changed as (
  update booking b set
    status = 'confirmed', payment_status = new.payment_status, confirmed_at = new.confirmed_at,
    confirmed_by = new.confirmed_by, version = b.version + 1, touched_at = $5,
    applied_version = case when b.id = any($10::uuid[]) then b.version + 1 else b.applied_version end
  from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::uuid[])
    as new (id, payment_status, confirmed_at, confirmed_by)
  where b.id = new.id
), told as (
  insert into outbox (id, kind, booking_id, facts)
  select id, kind, booking_id, facts
  from unnest($6::uuid[], $7::text[], $8::uuid[], $9::jsonb[]) with ordinality
    as new (id, kind, booking_id, facts, place)
  order by place
  on conflict (id) do nothing
)
update booking_line set
  state = 'confirmed', applied = case when booking_id = any($10::uuid[]) then 'confirmed' else applied end
where booking_id = any($1::uuid[])
  and (state <> 'confirmed' or (applied is distinct from 'confirmed' and booking_id = any($10::uuid[])));

-- name: write_details
-- $1 booking, $2 attendees, $3 special requests, $4 where its driver is, $5 now.
update booking set attendees = $2, special_requests = $3, driver_location = $4, version = version + 1,
  touched_at = $5
where id = $1;

-- name: touch_booking
-- $1 id, $2 now: something about it is to be told anew.
update booking set version = version + 1, touched_at = $2 where id = $1;

-- name: extend
-- $1 booking, $2 its later deadline, $3 now. Redis is about to be told.
with extended as (
  update booking set expires_at = $2, release_at = $2, version = version + 1, touched_at = $3 where id = $1
)
update booking_line set applied = null where booking_id = $1;

-- name: set_deadline
-- $1 booking, $2 its deadline.
update booking set expires_at = $2, release_at = $2 where id = $1;

-- name: update_lines
-- $1 booking, $2 state: all lines that are not there yet.
update booking_line set state = $2 where booking_id = $1 and state <> $2;

-- name: forget_applied
-- $1 booking: Redis is about to be changed outside of apply.
update booking_line set applied = null where booking_id = $1;

-- name: mark_applied
-- $1 uuid[], $2 integer[]: bookings, and of each the version that was applied; $3 uuid[], $4 integer[], $5 text[]: of
-- lines the booking, the position, and the state that Redis has. Nobody waits for the disk: what is lost with it is
-- applied once more.
with hasty as materialized (
  select set_config('synchronous_commit', 'off', true) as is_set
), marked as (
  update booking_line l set applied = done.state
  from unnest($3::uuid[], $4::integer[], $5::text[]) as done (booking_id, position, state)
  where l.booking_id = done.booking_id and l.position = done.position
)
update booking b set applied_version = done.version
from hasty, unnest($1::uuid[], $2::integer[]) as done (id, version)
where hasty.is_set = 'off' and b.id = done.id and b.applied_version < done.version;

-- name: unapplied
-- $1 touched before, $2 how many → ids, oldest first, of bookings that nobody works on just now.
select id from booking
where applied_version < version and touched_at <= $1
order by touched_at limit $2
for no key update skip locked;

-- name: due
-- $1 now, $2 until when they are taken, $3 how many → ids of pending bookings whose release is due.
with due as materialized (
  select id from booking where status = 'pending' and release_at <= $1
  order by release_at limit $3 for no key update skip locked
)
update booking set release_at = $2 where id in (select id from due)
returning id;

-- name: ended
-- $1 now, $2 how many → ids of confirmed bookings that are over and whose money is there, the oldest first. What
-- is only the change of another ends with that.
select id from booking
where status = 'confirmed' and ends_at <= $1 and payment_status <> 'authorized' and change_of is null
order by ends_at limit $2;

-- name: update_times
-- $1 booking, $2 when it begins, $3 when it is over.
update booking set starts_at = $2, ends_at = $3 where id = $1;

-- name: next_due
-- → when the next pending booking's release is due, null if there is none.
select min(release_at) from booking where status = 'pending';

-- name: postpone_release
-- $1 booking, $2 when.
update booking set release_at = $2 where id = $1 and status = 'pending';

-- name: bump_epoch
-- $1 resource, $2 epoch, $3 a moment → its layout, and of a grid the step that contains the moment, else 0.
update resource set epoch = $2 where id = $1
returning layout, greatest(coalesce(floor(
  extract(epoch from $3::timestamptz - (grid ->> 'origin')::timestamptz)
    / (60 * (grid ->> 'step_minutes')::integer))::integer, 0), 0) as first;

-- name: lock_resource_alone
-- Waits for every transaction that has the resource locked for its lines; no row if it was deleted.
select id from resource where id = $1 and deleted_at is null for update;

-- name: confirmed_counts
-- $1 resource, $2 from which index on → index, quantity: what is confirmed.
select slot_index as index, sum(quantity)::integer as quantity from booking_line
where resource_id = $1 and slot_index >= $2 and state = 'confirmed' group by slot_index order by slot_index;

-- name: pending_bookings
-- $1 resource → ids of bookings with pending lines in it: by the few bookings that are pending, for its lines may be many.
select distinct l.booking_id as id from booking b join booking_line l on l.booking_id = b.id
where b.status = 'pending' and l.resource_id = $1 and l.state = 'pending';

-- name: unheard_holds
-- $1 resource, $2 a moment, $3 from which index on → holds that are confirmed, which Redis has not been told; from there
-- on also those that were touched since then. What was not told is few, and has an index of its own.
with untold as materialized (
  select hold_id, state from booking_line where resource_id = $1 and applied is distinct from state
)
select hold_id from untold where state = 'confirmed'
union
select l.hold_id from booking_line l join booking b on b.id = l.booking_id
where l.resource_id = $1 and l.slot_index >= $3 and l.state = 'confirmed' and b.touched_at >= $2;

-- name: given_up_holds
-- $1 resource → holds whose lines are released, of which Redis has not been told, with their bookings.
select distinct booking_id, hold_id from booking_line
where resource_id = $1 and state = 'released' and applied is distinct from state;

-- name: returned_holds
-- $1 resource → holds that go back to their cart, of which Redis has not been told.
select distinct l.hold_id from booking_line l join booking b on b.id = l.booking_id
where l.resource_id = $1 and l.state = 'released' and l.applied is distinct from l.state and b.cancel_reason = 'returned';

-- name: mark_resource_lines
-- $1 resource: Redis is about to be written from these lines. A booking that somebody is applying is left to them, and one
-- whose holds go back to their cart to whoever gives them back.
with free as (
  select b.id from booking b
  where b.cancel_reason is distinct from 'returned' and b.id in (select l.booking_id from booking_line l
                 where l.resource_id = $1 and l.applied is distinct from l.state)
  for no key update skip locked
)
update booking_line l set applied = l.state
from free where l.booking_id = free.id and l.resource_id = $1 and l.applied is distinct from l.state;
