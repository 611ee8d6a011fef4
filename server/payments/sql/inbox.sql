-- name: keep_events
-- $1 providers, $2 event ids, $3 kinds, $4 object ids, $5 bodies, $6 which are taken by this, $7 now, $8 until when those
-- are → those that were new.
-- The caller sorts by id: two processes that keep the same events in the same order never wait in a ring.
insert into inbox (provider, event_id, kind, object_id, body, received_at, due_at, attempts)
select provider, event_id, kind, object_id, body, $7, case when taken then $8::timestamptz else $7 end, taken::integer
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[])
  as new (provider, event_id, kind, object_id, body, taken)
on conflict (provider, event_id) do nothing
returning provider, event_id;

-- name: take_events
-- $1 now, $2 until when they are taken, $3 how many → due events, and all that are due of the same objects.
with due as materialized (
  select provider, event_id, object_id from inbox
  where due_at <= $1 and done_at is null and dead_at is null
  order by due_at limit $3 for no key update skip locked
), taken as materialized (
  select i.provider, i.event_id from inbox i
  where (i.provider, i.object_id) in (select provider, object_id from due)
    and i.due_at <= $1 and i.done_at is null and i.dead_at is null
  for no key update skip locked
)
update inbox i set due_at = $2, attempts = i.attempts + 1
from taken
where i.provider = taken.provider and i.event_id = taken.event_id
returning i.provider, i.event_id, i.object_id, i.attempts, i.received_at;

-- name: events_done
-- $1 providers, $2 event ids, $3 now. Nobody waits for the disk: what is lost with it is worked off once more.
with hasty as materialized (select set_config('synchronous_commit', 'off', true) as is_set)
update inbox i set done_at = $3, last_error = null
from hasty, unnest($1::text[], $2::text[]) as done (provider, event_id)
where hasty.is_set = 'off' and i.provider = done.provider and i.event_id = done.event_id;

-- name: events_wait
-- $1 provider, $2 event ids, $3 why, $4 until when: nobody's fault, so it does not count as an attempt.
update inbox set last_error = $3, due_at = $4, attempts = attempts - 1
where provider = $1 and event_id = any($2::text[]);

-- name: event_failed
-- $3 why, $4 when it is tried next, $5 now if it is never to be tried again.
update inbox set last_error = $3, due_at = $4, dead_at = $5 where provider = $1 and event_id = $2;

-- name: standing
-- → how many wait, since when the oldest does, how many are dead letters: each by an index of no others.
select waiting, oldest, dead
from (
  select count(*) as waiting, min(received_at) as oldest from inbox where done_at is null and dead_at is null
) as due, (
  select count(*) as dead from inbox where done_at is null and dead_at is not null
) as letter;

-- name: forget_events
-- $1 before when they were received, $2 how many → how many it were; dead letters stay.
with gone as (
  delete from inbox where (provider, event_id) in (
    select provider, event_id from inbox where received_at < $1 and done_at is not null limit $2)
  returning event_id
)
select count(*) from gone;

-- name: list_events
-- $1 text[] of states, $2 how many → the latest first.
select * from (
  select provider, event_id, kind, object_id, received_at, attempts, due_at, done_at, dead_at, last_error,
    case when done_at is not null then 'done' when dead_at is not null then 'dead' else 'due' end as state
  from inbox
) as event
where state = any($1::text[])
order by received_at desc, event_id limit $2;

-- name: find_event
-- $1 event id.
select provider, event_id, kind, object_id, received_at, attempts, due_at, done_at, dead_at, last_error,
  case when done_at is not null then 'done' when dead_at is not null then 'dead' else 'due' end as state,
  body
from inbox where event_id = $1;

-- name: replay_events
-- $1 event ids, $2 now → those that will be worked off once more.
update inbox set due_at = $2, attempts = 0, done_at = null, dead_at = null where event_id = any($1::text[])
returning event_id;

-- name: replay_dead
-- $1 now → how many dead letters will be worked off once more.
update inbox set due_at = $1, attempts = 0, dead_at = null where dead_at is not null
returning event_id;
