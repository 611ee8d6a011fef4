-- Messages that go outside, as people look at them.

-- name: letters
-- $1 states, $2 how many: the latest first; what goes along with another is shown with that.
select d.*, (select count(*) from delivery j where j.leader = d.id) as joined from delivery d
where d.state = any($1::text[]) and d.leader is null
order by d.position desc limit $2;

-- name: letter
-- $1 id.
select d.*, (select count(*) from delivery j where j.leader = d.id) as joined from delivery d where d.id = $1;

-- name: standing
select count(*) filter (where state = 'waiting') as waiting, count(*) filter (where state = 'dead') as dead
from delivery where leader is null and state in ('waiting', 'dead');

-- name: replay
-- $1 ids, $2 now: those that were given up, with all tries again. What was sent is not sent twice.
update delivery set state = 'waiting', attempts = 0, due_at = $2, dead_at = null, last_error = null
where id = any($1::uuid[]) and state = 'dead' and leader is null
returning id;

-- name: replay_dead
-- $1 now.
update delivery set state = 'waiting', attempts = 0, due_at = $1, dead_at = null, last_error = null
where state = 'dead' and leader is null
returning id;
