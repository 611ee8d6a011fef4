-- One process at a time takes from the outbox: so notices are written in order, and each is there once.

-- name: alone
-- → true where no other transaction is at it; until this one ends.
select pg_try_advisory_xact_lock(hashtext('holdfast.notices'));

-- name: wait_alone
-- Waits for the round that is under way; none begins until this transaction ends.
select pg_advisory_xact_lock(hashtext('holdfast.notices'));

-- name: any_untold
-- → whether anything happened and was not told.
select exists (select from outbox where told_at is null);

-- name: take_untold
-- $1 how many → what happened and was not told, the oldest; it counts as told if this transaction commits.
update outbox o set told_at = clock_timestamp()
from (select id from outbox where told_at is null order by position limit $1) untold
where o.id = untold.id
returning o.position, o.id, o.kind, o.booking_id, o.facts, o.created_at;

-- name: failed
-- $1 ids, $2 why each could not be put into words.
update outbox o set failed = new.failed
from unnest($1::uuid[], $2::text[]) as new (id, failed) where o.id = new.id;

-- name: places
-- $1 ids → what resources are called and where their clocks are, deleted ones too.
select id, title, time_zone from resource where id = any($1::text[]);

-- name: write_notices
-- One array for each column → those that are new, in this order.
insert into notice (id, event_id, user_id, kind, title, message, data, booking_id, created_at)
select id, event_id, user_id, kind, title, message, data, booking_id, created_at
from unnest(
  $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::uuid[],
  $9::timestamptz[]
) with ordinality
  as new (id, event_id, user_id, kind, title, message, data, booking_id, created_at, place)
order by place
on conflict (event_id, user_id) do nothing
returning user_id, position;

-- name: book
-- $1 users, $2 now → how each wants to be told, the browsers that take pushes, and the webhooks (id, kinds; null is
-- all). Columns of `preference` are null for who has said nothing.
select u.user_id, p.email, p.phone, p.channels, p.batch_seconds, p.quiet,
  (select array_agg(s.id) from push_subscription s
   where s.user_id = u.user_id and (s.expires_at is null or s.expires_at > $2)) as subscriptions,
  (select jsonb_agg(jsonb_build_array(e.id, e.kinds)) from webhook_endpoint e
   where e.user_id = u.user_id and e.disabled_at is null) as endpoints
from unnest($1::text[]) as u (user_id) left join preference p using (user_id);

-- name: lately
-- $1 channels, $2 addresses, $3 users, $4 since when → how often each was written to, and when the latest was
-- planned for.
select w.channel, w.address, w.user_id, l.sent, l.latest
from unnest($1::text[], $2::text[], $3::text[]) as w (channel, address, user_id)
cross join lateral (
  select count(*) as sent, max(d.planned_at) as latest from delivery d
  where d.channel = w.channel and d.address = w.address and d.user_id is not distinct from w.user_id
    and d.planned_at > $4 and d.leader is null
) l;

-- name: open_leaders
-- $1 channels, $2 addresses, $3 users, $4 now → messages that wait, which another one may join. Kept from being sent until
-- this transaction ends; what is being sent just now is passed over.
select d.id, d.channel, d.address, d.user_id, d.planned_at from delivery d
join unnest($1::text[], $2::text[], $3::text[]) as w (channel, address, user_id)
  on d.channel = w.channel and d.address = w.address and d.user_id is not distinct from w.user_id
where d.leader is null and d.state = 'waiting' and d.attempts = 0 and d.due_at > $4
order by d.position
for no key update of d skip locked;

-- name: untried
-- $1 user, $2 now, $3 since when → what waits to go to the user and has not been tried; how often the reader of each was
-- written to before it, and when the latest of that was planned for. Webhooks never wait; what is being sent just now is
-- passed over.
select d.id, d.channel, d.planned_at, l.sent, l.latest from delivery d
cross join lateral (
  select count(*) as sent, max(o.planned_at) as latest from delivery o
  where o.channel = d.channel and o.address = d.address and o.user_id = d.user_id
    and o.planned_at > $3 and o.leader is null and o.position < d.position
) l
where d.channel in ('email', 'sms', 'push') and d.state = 'waiting' and d.due_at > $2
  and d.user_id = $1 and d.attempts = 0
for no key update of d skip locked;

-- name: bring_forward
-- $1 ids, $2 when each is to go out now.
update delivery d set planned_at = new.planned_at, due_at = new.planned_at
from unnest($1::uuid[], $2::timestamptz[]) as new (id, planned_at) where d.id = new.id;

-- name: write_deliveries
-- One array for each column; `leaders` null is a message of its own.
insert into delivery (
  id, event_id, user_id, channel, address, message, leader, state, created_at, planned_at, due_at
)
select id, event_id, user_id, channel, address, message, leader,
  case when leader is null then 'waiting' else 'joined' end, $9, planned_at, planned_at
from unnest(
  $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::uuid[], $8::timestamptz[]
) with ordinality
  as new (id, event_id, user_id, channel, address, message, leader, planned_at, place)
order by place
on conflict do nothing;
