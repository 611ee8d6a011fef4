-- The sandbox provider's own ledger.

-- name: insert_intents
-- An array for each column but $6 how they are captured and $8 now → those that were new: a key is used once.
insert into sandbox.intent (
  id, secret, idempotency_key, amount, currency, capture, metadata, status, created_at, updated_at
)
select id, secret, idempotency_key, amount, currency, $6, metadata, 'open', $8, $8
from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $7::jsonb[])
  as new (id, secret, idempotency_key, amount, currency, metadata)
order by idempotency_key
on conflict (idempotency_key) do nothing
returning *, 0::bigint as captured, 0::bigint as refunded, 0::bigint as reversed;

-- name: by_key
select id, amount, currency from sandbox.intent where idempotency_key = $1;

-- name: intents
-- $1 text[] ids → the intents with what was captured, refunded, and taken back by the buyer's bank.
select i.*,
  coalesce(sum(m.amount) filter (where m.kind = 'capture'), 0)::bigint as captured,
  coalesce(sum(m.amount) filter (where m.kind = 'refund'), 0)::bigint as refunded,
  coalesce(sum(m.amount) filter (where m.kind = 'reversal'), 0)::bigint as reversed
from sandbox.intent i left join sandbox.movement m on m.intent_id = i.id
where i.id = any($1::text[]) group by i.id;

-- name: authorise
-- $1 intents, $2 events, $3 now, $4 when to tell again unless it was taken → those that were just paid, nothing of
-- them taken yet, each with its event; the others can't be.
with new as materialized (
  select i.id, asked.event from sandbox.intent i join unnest($1::text[], $2::text[]) as asked (id, event) using (id)
  where i.status in ('open', 'declined') order by i.id for no key update of i
), paid as (
  update sandbox.intent i set status = 'authorised', outcome = null, outcome_at = null, updated_at = $3
  from new where i.id = new.id returning i.*, new.event
), told as (
  insert into sandbox.event (id, intent_id, kind, created_at, due_at, attempts)
  select event, id, 'intent.authorised', $3, $4, 1 from paid
)
select *, 0::bigint as captured, 0::bigint as refunded, 0::bigint as reversed from paid;

-- name: capture
-- $1 intents, $2 amounts, $3 keys, $4 events, $5 now, $6 as authorise's $4 → those whose money was just taken.
with new as materialized (
  select i.id, asked.amount as captured, asked.key, asked.event
  from sandbox.intent i
  join unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) as asked (id, amount, key, event) using (id)
  where i.status = 'authorised' and i.amount >= asked.amount order by i.id for no key update of i
), taken as (
  update sandbox.intent i set status = 'captured', updated_at = $5
  from new where i.id = new.id returning i.*, new.captured, new.key, new.event
), moved as (
  insert into sandbox.movement (intent_id, kind, amount, idempotency_key, made_at)
  select id, 'capture', captured, key, $5 from taken
), told as (
  insert into sandbox.event (id, intent_id, kind, created_at, due_at, attempts)
  select event, id, 'intent.captured', $5, $6, 1 from taken
)
select *, 0::bigint as refunded, 0::bigint as reversed from taken;

-- name: recent
-- $1 since → ids of intents that changed.
select id from sandbox.intent where updated_at >= $1 order by updated_at limit 1000;

-- name: lock_intent
select id from sandbox.intent where id = $1 for no key update;

-- name: set_status
update sandbox.intent set status = $2, updated_at = $3 where id = $1;

-- name: outcome
select outcome from sandbox.intent where id = $1;

-- name: set_outcome
-- $2 what will have happened, $3 when (both null: nothing).
update sandbox.intent set outcome = $2, outcome_at = $3, updated_at = $4 where id = $1;

-- name: insert_movement
insert into sandbox.movement (intent_id, kind, amount, idempotency_key, made_at) values ($1, $2, $3, $4, $5)
returning id;

-- name: movement_by_key
select id, amount from sandbox.movement where idempotency_key = $1;

-- name: insert_event
insert into sandbox.event (id, intent_id, kind, created_at, due_at) values ($1, $2, $3, $4, $4);

-- name: take_events
-- $1 now, $2 how many: due deliveries; each is due again, seldomer every time, until it is acknowledged.
with due as materialized (
  select id from sandbox.event where delivered_at is null and due_at <= $1
  order by due_at, created_at limit $2 for no key update skip locked
)
update sandbox.event e set
  attempts = e.attempts + 1,
  due_at = $1::timestamptz + least(power(2, e.attempts), 3600) * interval '1 second'
where e.id in (select id from due)
returning e.id, e.intent_id, e.kind;

-- name: events_delivered
-- $1 events: nobody will ask for them again. Nobody waits for the disk: what is lost with it is delivered once more.
with hasty as materialized (select set_config('synchronous_commit', 'off', true) as is_set)
delete from sandbox.event using hasty where hasty.is_set = 'off' and id = any($1::text[]);

-- name: due_outcomes
-- $1 now, $2 how many → ids, locked.
select id from sandbox.intent where outcome_at <= $1 order by outcome_at limit $2
for no key update skip locked;

-- name: next_due
-- → when the next delayed outcome is to be reported, and when the next event is due; null where none is.
select
  (select min(outcome_at) from sandbox.intent where outcome_at is not null) as outcome,
  (select min(due_at) from sandbox.event where delivered_at is null) as event;
