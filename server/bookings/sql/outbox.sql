-- name: tell
-- $1 id, $2 kind, $3 booking, $4 facts; the same id is there once.
insert into outbox (id, kind, booking_id, facts) values ($1, $2, $3, $4) on conflict (id) do nothing;

-- name: tell_all
-- $1 ids, $2 kinds, $3 bookings (or null), $4 facts → those that were new, in this order.
insert into outbox (id, kind, booking_id, facts)
select id, kind, booking_id, facts
from unnest($1::uuid[], $2::text[], $3::uuid[], $4::jsonb[]) with ordinality
  as new (id, kind, booking_id, facts, place)
order by place
on conflict (id) do nothing
returning id;
