-- Where users want to be told: browsers that take pushes, and owners' own systems.

-- name: subscribe
-- $1 id, $2 user, $3 endpoint, $4 p256dh, $5 auth, $6 agent, $7 expires at, $8 now. An endpoint is one browser's,
-- whoever is signed in there.
insert into push_subscription (id, user_id, endpoint, p256dh, auth, agent, expires_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (endpoint) do update
  set user_id = excluded.user_id, p256dh = excluded.p256dh, auth = excluded.auth, agent = excluded.agent,
      expires_at = excluded.expires_at, created_at = excluded.created_at
returning *;

-- name: forget_oldest_subscriptions
-- $1 user, $2 how many stay.
delete from push_subscription
where id in (
  select id from push_subscription where user_id = $1
  order by coalesce(used_at, created_at) desc, id offset $2
);

-- name: subscriptions
select * from push_subscription where user_id = $1 order by created_at, id;

-- name: subscription
select * from push_subscription where id = $1;

-- name: unsubscribe
-- $1 user, $2 endpoint.
delete from push_subscription where user_id = $1 and endpoint = $2 returning id;

-- name: unsubscribe_by_id
-- $1 user, $2 id.
delete from push_subscription where user_id = $1 and id = $2 returning id;

-- name: subscription_gone
delete from push_subscription where id = $1;

-- name: subscription_used
-- $1 id, $2 now.
update push_subscription set used_at = $2 where id = $1;

-- name: lock_user
-- One change of a user's endpoints at a time: their number is counted.
select pg_advisory_xact_lock(hashtextextended('webhook_endpoint:' || $1, 0));

-- name: count_endpoints
select count(*) from webhook_endpoint where user_id = $1;

-- name: add_endpoint
-- $1 id, $2 user, $3 url, $4 secret, $5 kinds, $6 description, $7 now.
insert into webhook_endpoint (id, user_id, url, secret, kinds, description, created_at)
values ($1, $2, $3, $4, $5, $6, $7)
returning *;

-- name: endpoints
select * from webhook_endpoint where user_id = $1 order by created_at, id;

-- name: endpoint_of
-- $1 user, $2 id.
select * from webhook_endpoint where user_id = $1 and id = $2;

-- name: endpoint
select * from webhook_endpoint where id = $1;

-- name: delete_endpoint
-- $1 user, $2 id.
delete from webhook_endpoint where user_id = $1 and id = $2 returning id;

-- name: rotate_secret
-- $1 user, $2 id, $3 the new secret, $4 until when the old one signs too.
update webhook_endpoint
set old_secret = secret, old_secret_until = $4, secret = $3
where user_id = $1 and id = $2
returning *;

-- name: enable_endpoint
-- $1 user, $2 id.
update webhook_endpoint
set disabled_at = null, failing_since = null, last_error = null
where user_id = $1 and id = $2
returning *;

-- name: endpoint_answered
-- $1 id. Most answers change nothing.
update webhook_endpoint set failing_since = null, last_error = null
where id = $1 and (failing_since is not null or last_error is not null);

-- name: endpoint_failed
-- $1 id, $2 now, $3 why, $4 since before when it has failed to be given up.
update webhook_endpoint
set failing_since = coalesce(failing_since, $2),
    last_error = $3,
    disabled_at = case when failing_since < $4 then coalesce(disabled_at, $2) else disabled_at end
where id = $1;

-- name: disable_endpoint
-- $1 id, $2 now, $3 why.
update webhook_endpoint set disabled_at = coalesce(disabled_at, $2), last_error = $3 where id = $1;
