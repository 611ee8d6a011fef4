-- name: candidates
-- $1 channel, $2 now, $3 addresses and $4 users that have to wait, $5 how many → messages that are due, kept from
-- everybody else until this transaction ends.
select id, address, user_id from delivery
where channel = $1 and state = 'waiting' and due_at <= $2
  and address <> all($3::text[]) and coalesce(user_id <> all($4::text[]), true)
order by due_at limit $5 for no key update skip locked;

-- name: take
-- $1 ids, $2 until when they are taken → how often each was.
update delivery set due_at = $2, attempts = attempts + 1 where id = any($1::uuid[])
returning id, attempts;

-- name: messages
-- $1 leaders → their rows and those that go with them, in order.
select coalesce(leader, id) as leader, event_id, user_id, address, message from delivery
where id = any($1::uuid[]) or (leader = any($1::uuid[]) and state = 'joined')
order by position;

-- name: done
-- $1 leader, $2 now, $3 how it ended, $4 by whom, $5 why: with all that go with it.
update delivery set state = $3, done_at = $2, provider = $4, last_error = $5
where (id = $1 and state = 'waiting') or (leader = $1 and state = 'joined');

-- name: later
-- $1 leader, $2 when it is tried next, $3 why.
update delivery set due_at = $2, last_error = $3 where id = $1 and state = 'waiting';

-- name: dead
-- $1 leader, $2 now, $3 why, $4 who was tried last.
update delivery set state = 'dead', dead_at = $2, last_error = $3, provider = $4
where id = $1 and state = 'waiting';

-- name: next_due
-- $1 channel → when the next is due.
select min(due_at) from delivery where channel = $1 and state = 'waiting';

-- name: standing
-- → how many wait, since when the oldest does, and how many were given up.
select waiting, oldest, dead from (
  select count(*) as waiting, min(planned_at) as oldest from delivery where state = 'waiting'
) as due, (
  select count(*) as dead from delivery where state = 'dead'
) as letter;

-- name: forget_deliveries
-- $1 before when they ended, $2 how many, with all that went along with them → how many it were. Those that were given
-- up stay, with all that were to go with them.
with old as materialized (
  select id from delivery where done_at < $1 order by done_at limit $2
), gone as (
  delete from delivery
  where id in (select id from old union all select d.id from delivery d join old on d.leader = old.id)
  returning id
)
select count(*) from gone;

-- name: forget_outbox
-- $1 before when they were told, $2 how many → how many it were. What could not be put into words stays.
with gone as (
  delete from outbox
  where id in (select id from outbox where told_at < $1 and failed is null order by told_at limit $2)
  returning id
)
select count(*) from gone;

-- name: forget_notices
-- $1 before when they were read, $2 how many → how many it were.
with gone as (
  delete from notice where id in (select id from notice where read_at < $1 order by read_at limit $2) returning id
)
select count(*) from gone;
