-- The sandbox provider's own ledger.

-- name: insert_intent
insert into sandbox.intent (
  id, secret, idempotency_key, amount, currency, capture, metadata, status, created_at, updated_at
) values ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $8)
on conflict (idempotency_key) do nothing;

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
update sandbox.event e set
  attempts = e.attempts + 1,
  due_at = $1::timestamptz + least(power(2, e.attempts), 3600) * interval '1 second'
where e.id in (
  select id from sandbox.event where delivered_at is null and due_at <= $1
  order by due_at, created_at limit $2 for no key update skip locked
)
returning e.id, e.intent_id, e.kind;

-- name: event_delivered
update sandbox.event set delivered_at = $2 where id = $1;

-- name: due_outcomes
-- $1 now, $2 how many → ids, locked.
select id from sandbox.intent where outcome_at <= $1 order by outcome_at limit $2
for no key update skip locked;

-- name: next_due
-- → when there is something to do next, null if nothing is awaited.
select least(
  (select min(outcome_at) from sandbox.intent where outcome_at is not null),
  (select min(due_at) from sandbox.event where delivered_at is null)
);
