-- name: insert_payment
-- attempt is the next of its booking; at most one pending attempt of a share that is not extra.
insert into payment (
  id, booking_id, attempt, extra, share, provider, provider_id, status, amount, currency, requested_at,
  created_at, updated_at, check_at
)
select $1, $2, coalesce(max(p.attempt), 0) + 1, $3, $4, $5, $6, 'pending', $7, $8, $9, $10, $10, $11
from payment p where p.booking_id = $2
on conflict do nothing
returning id;

-- name: insert_first
-- An array for each column: the first attempts of bookings that are made in this transaction. Where their providers are
-- asked at once, that is written with them.
insert into payment (
  id, booking_id, attempt, provider, status, amount, currency, requested_at, created_at, updated_at, check_at
)
select id, booking_id, 1, provider, 'pending', amount, currency, requested_at, created_at, created_at, look
from unnest(
  $1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[]
) as new (id, booking_id, provider, amount, currency, requested_at, created_at, look);

-- name: payment
-- $1 payment → it, with what our unfinished refunds will give back, and whether another payment of the same
-- share has brought its money.
select * from payment_standing where id = $1;

-- name: payments_with_buyers
-- $1 uuid[] → the same of several, each with who booked: session and user.
select p.*, b.session as buyers_session, b.user_id as buyers_user
from payment_standing p join booking b on b.id = p.booking_id where p.id = any($1::uuid[]);

-- name: payments_with_bookings
-- $1 uuid[] → the same of several, their columns named p_…, each with its whole booking.
select * from whole_payment where p_id = any($1::uuid[]);

-- name: lock_payments
-- $1 uuid[] → the same, for this transaction alone, of those whose booking and resources nobody else has.
select * from locked_payments($1);

-- name: lock_payment
-- The same, for this transaction alone.
select * from payment_standing where id = $1 for no key update;

-- name: payment_by_intent
-- $1 provider, $2 the provider's id, or that of the payment within it.
select id from payment where (provider = $1 and provider_id = $2) or inner_id = $2
order by provider_id = $2 desc limit 1;

-- name: payments_by_intents
-- The same of several, each with its whole booking as above: $1 and $2 text[] → place, which counts from 1, and the payment.
select found.place, w.* from (
  select asked.place, (
    select id from payment p
    where (p.provider = asked.provider and p.provider_id = asked.intent) or p.inner_id = asked.intent
    order by p.provider_id = asked.intent desc limit 1
  ) as payment_id
  from unnest($1::text[], $2::text[]) with ordinality as asked (provider, intent, place)
) as found join whole_payment w on w.p_id = found.payment_id;

-- name: known_intents
-- $1 provider, $2 text[] ids → those that belong to a payment, with what is known of its money.
select id, provider_id, inner_id, status, refunded from payment
where (provider = $1 and provider_id = any($2::text[])) or inner_id = any($2::text[]);

-- name: payments_of_booking
-- $1 booking → every attempt, oldest first.
select *, 0::bigint as outstanding, false as rivalled from payment where booking_id = $1 order by attempt;

-- name: mark_requested
-- $1 payments, $2 now: the provider is about to be asked for the first time. → those that nobody else has, and whether
-- each is live: the others are over.
with had as materialized (
  select id, status in ('pending', 'authorized') as is_live from payment where id = any($1::uuid[])
  order by id for no key update skip locked
), marked as (
  update payment p set requested_at = coalesce(p.requested_at, $2) from had where p.id = had.id and had.is_live
)
select id, is_live from had;

-- name: mark_one_requested
-- The same of one that is waited for → its id, if it is live.
update payment set requested_at = coalesce(requested_at, $2) where id = $1 and status in ('pending', 'authorized')
returning id;

-- name: set_intents
-- An array for each column: payments, the provider's ids, client secrets, redirects, the ids within → those that nobody
-- else has.
with new as materialized (
  select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
    as new (id, provider_id, client_secret, redirect_url, inner_id)
), locked as materialized (
  select id from payment where id in (select id from new) order by id for no key update skip locked
)
update payment p set provider_id = new.provider_id, client_secret = new.client_secret,
  redirect_url = new.redirect_url, inner_id = coalesce(new.inner_id, p.inner_id)
from new join locked using (id) where p.id = new.id
returning p.id;

-- name: set_intent
-- The same of one that is waited for.
update payment set provider_id = $2, client_secret = $3, redirect_url = $4, inner_id = coalesce($5, inner_id)
where id = $1;

-- name: set_inner
-- $1 payment, $2 the payment's own id at its provider; one row has it.
update payment set inner_id = $2 where id = $1 and not exists (select from payment where inner_id = $2);

-- name: set_status
-- $1 payment, $2 status, $3 now, $4 when it is looked at next (null: it is finished), $5 whether it is accepted
-- from now on, $6 what went back (null: as before).
update payment set
  status = $2, updated_at = $3, check_at = case when closed and $2 = 'failed' then null else $4::timestamptz end,
  accepted = accepted or $5, refunded = coalesce($6, refunded)
where id = $1;

-- name: set_statuses
-- The same of several, an array for each but $3 now; nothing more of them went back.
update payment p set
  status = new.status, updated_at = $3,
  check_at = case when p.closed and new.status = 'failed' then null else new.look end,
  accepted = p.accepted or new.accepted
from unnest($1::uuid[], $2::text[], $4::timestamptz[], $5::boolean[]) as new (id, status, look, accepted)
where p.id = new.id;

-- name: accept_secured
-- $1 booking, $2 now → id, status of all whose money is there; they and what is live are looked at at once.
with found as (
  update payment set accepted = accepted or status <> 'pending', check_at = $2
  where booking_id = $1 and not unwanted
    and status in ('pending', 'authorized', 'paid', 'partially_refunded', 'disputed')
  returning id, status, accepted
)
select id, status from found where accepted;

-- name: unwant_all
-- $1 booking, $2 now → ids: the money of all its payments goes back. What was accepted is settled once more
-- even if somebody has decided so before.
update payment set unwanted = true, updated_at = $2, check_at = $2
where booking_id = $1
  and (accepted or (not unwanted and status in ('authorized', 'paid', 'partially_refunded', 'disputed')))
returning id;

-- name: bring_over
-- $1 change, $2 its booking: the money by which the change was confirmed, as later attempts. With it goes whatever
-- else was tried for a share that it pays: the share's link names the first of those.
update payment set booking_id = $2, change = $1,
  attempt = attempt + (select coalesce(max(p.attempt), 0) from payment p where p.booking_id = $2)
where booking_id = $1 and amount > 0
  and (accepted or share in (select p.share from payment p where p.booking_id = $1 and p.accepted));

-- name: fail_pending
-- $1 booking, $2 now, $3 when they are looked at: none of them can be paid any more.
update payment set status = 'failed', updated_at = $2,
  check_at = case when closed then null else $3::timestamptz end
where booking_id = $1 and status = 'pending';

-- name: withdraw
-- $1 booking, $2 share, $3 now: nobody may pay it any more, and money that comes all the same goes back.
update payment set withdrawn = true, unwanted = true, updated_at = $3, check_at = $3
where booking_id = $1 and share = $2;

-- name: stopping
-- $1 payment, $2 until when nobody accepts its money.
update payment set stopping_until = $2 where id = $1;

-- name: stopped
-- $1 payment, $2 what was said when it began; another one's word stands. $3 when it was cancelled, null if not.
update payment set stopping_until = $3 where id = $1 and stopping_until = $2;

-- name: set_flag
update payment set flag = $2, updated_at = $3 where id = $1;

-- name: set_unwanted
update payment set unwanted = true, updated_at = $2, check_at = $2 where id = $1;

-- name: keep
-- $1 payment, $2 what stays of it though its booking is cancelled.
update payment set kept = $2 where id = $1;

-- name: check_later
-- $1 payment, $2 when it is looked at next (null: not again), $3 status, $4 unwanted: unless it is another by now.
update payment set check_at = $2 where id = $1 and status = $3 and unwanted = $4;

-- name: close
-- $1 payment: nobody can ever pay by it; nothing more is to be heard of one that has failed.
update payment set closed = true, check_at = case when status = 'failed' then null else check_at end
where id = $1;

-- name: check_now
-- $1 payments, $2 now.
update payment set check_at = least(check_at, $2) where id = any($1::uuid[]);

-- name: take_unchecked
-- $1 now, $2 until when they are taken, $3 how many → payments that nobody has heard of for a while, first
-- those by which somebody may be paying.
with due as materialized (
  select id from payment where check_at <= $1
  order by status not in ('pending', 'authorized'), check_at limit $3 for no key update skip locked
)
update payment set check_at = $2 where id in (select id from due)
returning id;
