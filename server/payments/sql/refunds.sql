-- name: owe
-- One row for each payment and purpose.
insert into refund (id, payment_id, purpose, amount, reason, note, attempts, due_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (payment_id, purpose) do nothing;

-- name: owed_for
-- $1 booking, $2 purpose → what its payers were owed for it, whatever became of that; no row if nothing was.
select sum(r.amount)::bigint as amount, r.note from refund r join payment p on p.id = r.payment_id
where p.booking_id = $1 and r.purpose = $2 group by r.note;

-- name: count
-- $1 payment → how many refunds it had, whatever became of them.
select count(*) from refund where payment_id = $1;

-- name: take
-- $1 now, $2 until when they are taken, $3 how many → refunds that are due, with what is needed to make them.
-- While a dispute is open nothing is given back: the bank may do it too.
with due as materialized (
  select waiting.id from refund waiting join payment of on of.id = waiting.payment_id
  where waiting.status in ('requested', 'pending') and waiting.due_at <= $1 and of.status <> 'disputed'
  order by waiting.due_at limit $3 for no key update of waiting skip locked
)
update refund r set due_at = $2, attempts = r.attempts + 1
from payment p
where p.id = r.payment_id and r.id in (select id from due)
returning r.id, r.payment_id, p.booking_id, r.purpose, r.amount, r.reason, r.note, r.status, r.attempts,
  r.provider_id as made, p.provider, p.provider_id as intent;

-- name: under_way
-- $1 refund, $2 the provider's id, $3 when it is asked again. One that was dropped while it was made stands.
update refund set status = 'pending', provider_id = $2, due_at = $3, last_error = null, done_at = null
where id = $1 and status in ('requested', 'pending', 'dropped');

-- name: postpone
-- $1 refund, $2 when it is tried next, $3 why it failed.
update refund set due_at = $2, last_error = $3 where id = $1;

-- name: finish
-- $1 refund, $2 how it ended, $3 the provider's id if it has one, $4 now, $5 why → a row unless it had ended.
-- One that was dropped while it was made has been made.
update refund set status = $2, provider_id = coalesce($3, provider_id), done_at = $4, last_error = $5
where id = $1 and (status in ('requested', 'pending') or (status = 'dropped' and $2 = 'succeeded'))
returning id;

-- name: supersede
-- $1 booking, $2 now: parts that are owed and not known to be begun.
update refund r set status = 'dropped', done_at = $2, last_error = 'all of it goes back'
from payment p
where p.id = r.payment_id and p.booking_id = $1
  and r.status = 'requested' and r.provider_id is null and r.purpose like 'part:%';

-- name: came_back
-- $1 payment, $2 now: what the provider has begun, and even ended, may have failed since.
update refund set status = 'pending', due_at = $2, done_at = null, attempts = 0
where payment_id = $1 and status in ('pending', 'succeeded') and provider_id is not null;

-- name: of_booking
-- $1 booking → its refunds, oldest first.
select r.id, r.payment_id, r.amount, r.reason, r.note, r.status, r.created_at, r.done_at, p.currency
from refund r join payment p on p.id = r.payment_id where p.booking_id = $1 order by r.created_at, r.id;

-- name: sums
-- $1 booking → payment, what our refunds gave back of it, what is under way, and what of that its provider was never
-- asked for: a try is counted, and committed, before the call.
select r.payment_id,
  coalesce(sum(r.amount) filter (where r.status = 'succeeded'), 0)::bigint as given,
  coalesce(sum(r.amount) filter (where r.status in ('requested', 'pending')), 0)::bigint as under_way,
  coalesce(sum(r.amount) filter (
    where r.status = 'requested' and r.attempts = 0 and r.provider_id is null), 0)::bigint as unasked
from refund r join payment p on p.id = r.payment_id
where p.booking_id = $1 group by r.payment_id;
