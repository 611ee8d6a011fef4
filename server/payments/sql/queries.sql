-- name: insert_payment
-- attempt is the next of its booking; at most one live attempt of a booking that is not extra.
insert into payment (
  id, booking_id, attempt, extra, provider, provider_id, status, amount, currency, requested_at,
  created_at, updated_at, check_at
)
select $1, $2, coalesce(max(p.attempt), 0) + 1, $3, $4, $5, 'pending', $6, $7, $8, $9, $9, $10
from payment p where p.booking_id = $2
on conflict do nothing
returning id;

-- name: payment
select * from payment where id = $1;

-- name: lock_payment
select * from payment where id = $1 for no key update;

-- name: payment_by_intent
-- $1 provider, $2 the provider's id.
select id from payment where provider = $1 and provider_id = $2;

-- name: known_intents
-- $1 provider, $2 text[] ids → those that belong to a payment.
select provider_id from payment where provider = $1 and provider_id = any($2::text[]);

-- name: payments_of_booking
-- $1 booking → every attempt, oldest first.
select * from payment where booking_id = $1 order by attempt;

-- name: mark_requested
-- $1 payment, $2 now: the provider is about to be asked for the first time.
update payment set requested_at = coalesce(requested_at, $2)
where id = $1 and status in ('pending', 'authorized')
returning id;

-- name: set_intent
-- $1 payment, $2 the provider's id, $3 client secret, $4 redirect.
update payment set provider_id = $2, client_secret = $3, redirect_url = $4 where id = $1;

-- name: set_status
-- $1 payment, $2 status, $3 now, $4 when it is looked at next (null: it is finished).
update payment set status = $2, updated_at = $3, check_at = $4 where id = $1;

-- name: set_flag
update payment set flag = $2, updated_at = $3 where id = $1;

-- name: set_unwanted
update payment set unwanted = true, updated_at = $2, check_at = $2 where id = $1;

-- name: check_later
-- $1 payment, $2 when it is looked at next (null: not again).
update payment set check_at = $2 where id = $1;

-- name: take_unchecked
-- $1 now, $2 until when they are taken, $3 how many → payments that nobody has heard of for a while.
update payment set check_at = $2
where id in (
  select id from payment where check_at <= $1 order by check_at limit $3 for no key update skip locked
)
returning id;

-- name: owe_refund
-- One row for each payment and purpose.
insert into refund (id, payment_id, purpose, amount, reason, due_at, created_at)
values ($1, $2, $3, $4, $5, $6, $6)
on conflict (payment_id, purpose) do nothing;

-- name: take_refunds
-- $1 now, $2 until when they are taken, $3 how many → refunds that are due, with what is needed to make them.
update refund r set due_at = $2, attempts = r.attempts + 1
from payment p
where p.id = r.payment_id and r.id in (
  select id from refund where status = 'requested' and due_at <= $1
  order by due_at limit $3 for no key update skip locked
)
returning r.id, r.payment_id, r.purpose, r.amount, r.attempts, p.provider, p.provider_id;

-- name: refund_failed
-- $1 refund, $2 when it is tried next, $3 why it failed.
update refund set due_at = $2, last_error = $3 where id = $1;

-- name: refund_done
-- $1 refund, $2 the provider's id, $3 now.
update refund set status = 'succeeded', provider_id = $2, done_at = $3, last_error = null where id = $1;

-- name: owed_refunds
-- $1 payment → how many refunds are still to be made.
select count(*) from refund where payment_id = $1 and status = 'requested';

-- name: store_event
-- Answers a row only the first time.
insert into inbox (provider, event_id, kind, object_id, body, received_at, due_at)
values ($1, $2, $3, $4, $5, $6, $6)
on conflict (provider, event_id) do nothing
returning event_id;

-- name: take_events
-- $1 now, $2 until when they are taken, $3 how many.
update inbox i set due_at = $2, attempts = i.attempts + 1
from (
  select provider, event_id from inbox
  where due_at <= $1 and done_at is null and dead_at is null
  order by due_at limit $3 for no key update skip locked
) due
where i.provider = due.provider and i.event_id = due.event_id
returning i.provider, i.event_id, i.kind, i.object_id, i.attempts;

-- name: event_done
update inbox set done_at = $3, last_error = null where provider = $1 and event_id = $2;

-- name: event_failed
-- $4 when it is tried next, $5 now if it is never to be tried again.
update inbox set last_error = $3, due_at = $4, dead_at = $5 where provider = $1 and event_id = $2;
