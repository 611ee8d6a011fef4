-- name: unread_after
-- $1 users, $2 after which position, $3 how many of each pair → what they have not read, in order.
select w.after, n.id, n.position, n.user_id, n.kind, n.title, n.message, n.data, n.created_at, n.read_at
from unnest($1::text[], $2::bigint[]) as w (user_id, after)
cross join lateral (
  select * from notice
  where user_id = w.user_id and position > w.after and read_at is null
  order by position limit $3
) n
order by n.position;

-- name: told_since
-- $1 position → up to which there are notices now, and whose they are: at most 10,000 of them.
select max(position) as position, array_agg(distinct user_id) as users from (
  select position, user_id from notice where position > $1 order by position limit 10000
) as new;

-- name: latest
-- → the latest notice's position, 0 before the first.
select coalesce(max(position), 0) from notice;

-- name: page
-- $1 user, $2 position below which, $3 how many, $4 only the unread → the latest first.
select id, position, user_id, kind, title, message, data, created_at, read_at from notice
where user_id = $1 and position < $2 and (not $4 or read_at is null)
order by position desc limit $3;

-- name: unread
-- $1 user, $2 at most → how many are unread.
select count(*) from (select 1 from notice where user_id = $1 and read_at is null limit $2) as counted;

-- name: read_these
-- $1 user, $2 ids, $3 now → those of the user's that were unread.
update notice set read_at = $3 where user_id = $1 and id = any($2::uuid[]) and read_at is null
returning id;

-- name: read_until
-- $1 user, $2 id of one of the user's, $3 now → that and all before it that were unread.
update notice set read_at = $3
where user_id = $1 and read_at is null
  and position <= (select position from notice where id = $2 and user_id = $1)
returning id;

-- name: is_users
-- $1 user, $2 id → whether the user has such a notice.
select exists (select 1 from notice where user_id = $1 and id = $2);

-- name: read_lately
-- $1 users, $2 since when, $3 how many of each → what they have read since then.
select w.user_id, n.id from unnest($1::text[]) as w (user_id)
cross join lateral (
  select id from notice where user_id = w.user_id and read_at >= $2 order by read_at desc limit $3
) n;

-- name: preferences_of
select email, phone, channels, batch_seconds, quiet from preference where user_id = $1;

-- name: write_preferences
-- $1 user, then each column, then now.
insert into preference (user_id, email, phone, channels, batch_seconds, quiet, updated_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (user_id) do update set
  email = excluded.email, phone = excluded.phone, channels = excluded.channels,
  batch_seconds = excluded.batch_seconds, quiet = excluded.quiet, updated_at = excluded.updated_at;
