-- Lock order, everywhere: resources by id (key share), the booking, slots by (resource, index), payments.

-- name: lock_resources
-- $1 text[] ids → id, epoch. Keeps a rebuild of Redis (which takes the row for update) out of this transaction.
select id, epoch from resource where id = any($1::text[]) order by id for key share;

-- name: resources_of_booking
-- $1 uuid → id, epoch of its resources, locked as above.
select id, epoch from resource
where id in (select resource_id from booking_line where booking_id = $1)
order by id for key share;

-- name: epochs
-- $1 text[] ids → id, epoch, without a lock.
select id, epoch from resource where id = any($1::text[]);

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
-- $1 uuid[] → bookings with their lines and what their payments come to, newest first. `payment` is the latest
-- attempt of the booking's own, else of a share.
select b.*, money.*,
  (select jsonb_agg(jsonb_build_object(
      'position', l.position, 'resource', l.resource_id, 'index', l.slot_index, 'slot', l.slot_id,
      'label', l.label, 'quantity', l.quantity, 'price', l.unit_price, 'hold', l.hold_id,
      'range', case when l.range_start is null then null else jsonb_build_array(l.range_start, l.range_end) end,
      'state', l.state, 'applied', l.applied, 'base_price', l.base_price) order by l.position)
   from booking_line l where l.booking_id = b.id) as lines,
  (select c.id from booking c where c.change_of = b.id and c.status in ('pending', 'confirmed')) as change
from booking b cross join lateral (
  select
    (array_agg(p.id order by p.share is null desc, p.attempt desc) filter (where not p.extra))[1] as payment,
    coalesce(sum(p.amount) filter (
      where p.status in ('authorized', 'paid', 'partially_refunded', 'disputed') and not p.unwanted
    ), 0)::bigint as secured,
    coalesce(sum(p.refunded) filter (where p.accepted or b.confirmed_by is null), 0)::bigint as refunded
  from payment p where p.booking_id = b.id
) money
where b.id = any($1::uuid[])
order by b.position desc;

-- name: lock_booking
select id from booking where id = $1 for no key update;

-- name: live_by_reference
select id from booking where reference = $1 and status <> 'cancelled';

-- name: pending_of_session
-- $1 session → its latest pending booking.
select id from booking where session = $1 and status = 'pending' and change_of is null
order by position desc limit 1;

-- name: nobodys_of_session
-- $1 session, $2 user → what it booked that is no user's, nor of what is that user's own.
select id from booking where session = $1 and user_id is null and owner <> $2 order by position desc;

-- name: adopt
-- $1 booking, $2 session, $3 user, $4 now → its id, if it was still nobody's.
update booking set user_id = $3, version = version + 1, touched_at = $4
where id = $1 and session = $2 and user_id is null
returning id;

-- name: page
-- $1 session ('': none), $2 user (null: none): whose bookings; $3 owner (null: none) of what was booked; $4
-- position below which, $5 how many; the rest null for any: $6 statuses, $7 payment statuses, $8 approvals, $9
-- resource, $10 and $11 a time in which it takes place, $12 text in its reference or its customer's name.
-- → id, position, newest first. What never came to be for want of a hold is left out, and so are changes.
select b.id, b.position from booking b
where ((b.session = $1 and $1 <> '') or b.user_id = $2 or b.owner = $3)
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

-- name: mark_lines
-- $1 booking, $2 integer[] positions, $3 the state that Redis has now.
update booking_line set applied = $3 where booking_id = $1 and position = any($2::integer[]);

-- name: mark_applied
-- $1 booking, $2 the version that was applied.
update booking set applied_version = $2 where id = $1 and applied_version < $2;

-- name: unapplied
-- $1 touched before, $2 how many → ids, oldest first, of bookings that nobody works on just now.
select id from booking
where applied_version < version and touched_at <= $1
order by touched_at limit $2
for no key update skip locked;

-- name: due
-- $1 now, $2 until when they are taken, $3 how many → ids of pending bookings whose release is due.
update booking set release_at = $2
where id in (
  select id from booking where status = 'pending' and release_at <= $1
  order by release_at limit $3 for no key update skip locked
)
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
-- Waits for every transaction that has the resource locked for its lines.
select id from resource where id = $1 for update;

-- name: confirmed_counts
-- $1 resource, $2 from which index on → index, quantity: what is confirmed.
select slot_index as index, sum(quantity)::integer as quantity from booking_line
where resource_id = $1 and slot_index >= $2 and state = 'confirmed' group by slot_index order by slot_index;

-- name: pending_bookings
-- $1 resource → ids of bookings with pending lines in it.
select distinct booking_id as id from booking_line where resource_id = $1 and state = 'pending';

-- name: mark_resource_lines
-- $1 resource: Redis is about to be written from these lines. A booking that somebody is applying is left to them.
with free as (
  select b.id from booking b
  where b.id in (select l.booking_id from booking_line l
                 where l.resource_id = $1 and l.applied is distinct from l.state)
  for no key update skip locked
)
update booking_line l set applied = l.state
from free where l.booking_id = free.id and l.resource_id = $1 and l.applied is distinct from l.state;
