-- What the bookings of one batch leave in PostgreSQL, by pgbench: the rows that Holdfast writes on the way from a hold to a
-- receipt, each as often, in as many transactions and with the same things written together, and nothing read. Each row by its key,
-- said as an array: a plan made while the tables are empty would go through all of one later.
-- Given: n bookings of a batch, share of each client, done (of its own so far).
\set first :client_id * :share + :done
\set last :first + :n - 1
\set done :done + :n
begin;
insert into booking (
  id, reference, session, owner, status, payment_status, currency, total, customer, created_at, expires_at, release_at,
  touched_at, extend_until, refund_policies
)
select md5('b' || k)::uuid, 'FLOOR-' || k, md5('s' || k), 'owner', 'pending', 'pending', 'eur', 2500,
  '{"name": "Ann Example", "email": "ann@example.org", "phone": null}', now(), now() + interval '15 minutes',
  now() + interval '15 minutes', now(), now() + interval '20 minutes', '{"floor": null}'
from generate_series(:first::integer, :last::integer) k;
update slot set taken = taken + 1 where resource_id = 'floor' and index between :first and :last;
insert into booking_line (
  booking_id, position, resource_id, slot_index, slot_id, label, quantity, unit_price, hold_id, state
)
select md5('b' || k)::uuid, 0, 'floor', k, 'F-' || k, 'F-' || k, 1, 2500, md5('h' || k), 'pending'
from generate_series(:first::integer, :last::integer) k;
insert into payment (
  id, booking_id, attempt, provider, status, amount, currency, requested_at, created_at, updated_at, check_at
)
select md5('p' || k)::uuid, md5('b' || k)::uuid, 1, 'sandbox', 'pending', 2500, 'eur', now(), now(), now(),
  now() + interval '15 seconds'
from generate_series(:first::integer, :last::integer) k;
insert into outbox (id, kind, booking_id, facts)
select md5('o1' || k)::uuid, 'booking_created', md5('b' || k)::uuid, :facts::jsonb from generate_series(:first::integer, :last::integer) k;
commit;
-- Redis has the places as paying.
begin;
update booking_line set applied = 'pending'
where booking_id = any(array(select md5('b' || k)::uuid from generate_series(:first::integer, :last::integer) k));
update booking set applied_version = 1
where id = any(array(select md5('b' || k)::uuid from generate_series(:first::integer, :last::integer) k));
commit;
-- The provider makes it, and we write that down.
insert into sandbox.intent (
  id, secret, idempotency_key, amount, currency, capture, metadata, status, created_at, updated_at
)
select 'sbx_' || md5('i' || k), md5('x' || k), 'create:' || md5('p' || k), 2500, 'eur', 'manual',
  jsonb_build_object('payment', md5('p' || k), 'booking', md5('b' || k), 'reference', 'FLOOR-' || k), 'open', now(), now()
from generate_series(:first::integer, :last::integer) k;
update payment p set provider_id = 'sbx_' || md5('i' || k) from generate_series(:first::integer, :last::integer) k
where p.id = any(array(select md5('p' || n)::uuid from generate_series(:first::integer, :last::integer) n))
  and p.id = md5('p' || k)::uuid;
-- The buyer pays; the provider tells us, and we keep that.
begin;
update sandbox.intent set status = 'authorised', updated_at = clock_timestamp()
where id = any(array(select 'sbx_' || md5('i' || k) from generate_series(:first::integer, :last::integer) k));
insert into sandbox.event (id, intent_id, kind, created_at, due_at, attempts)
select 'sbe_' || md5('e1' || k), 'sbx_' || md5('i' || k), 'intent.authorised', now(), now(), 1
from generate_series(:first::integer, :last::integer) k;
commit;
insert into inbox (provider, event_id, kind, object_id, body, received_at, due_at, attempts)
select 'sandbox', 'sbe_' || md5('e1' || k), 'intent.authorised', 'sbx_' || md5('i' || k), '{}', now(),
  now() + interval '10 seconds', 1
from generate_series(:first::integer, :last::integer) k;
delete from sandbox.event where id = any(array(select 'sbe_' || md5('e1' || k) from generate_series(:first::integer, :last::integer) k));
-- Confirmed.
begin;
update payment set status = 'authorized', accepted = true, updated_at = clock_timestamp(),
  check_at = clock_timestamp() + interval '15 seconds'
where id = any(array(select md5('p' || k)::uuid from generate_series(:first::integer, :last::integer) k));
update booking b set status = 'confirmed', payment_status = 'authorized', confirmed_at = now(), version = 2,
  confirmed_by = md5('p' || k)::uuid, touched_at = clock_timestamp()
from generate_series(:first::integer, :last::integer) k
where b.id = any(array(select md5('b' || n)::uuid from generate_series(:first::integer, :last::integer) n))
  and b.id = md5('b' || k)::uuid;
update booking_line set state = 'confirmed'
where booking_id = any(array(select md5('b' || k)::uuid from generate_series(:first::integer, :last::integer) k));
insert into outbox (id, kind, booking_id, facts)
select md5('o2' || k)::uuid, 'booking_confirmed', md5('b' || k)::uuid, :facts::jsonb from generate_series(:first::integer, :last::integer) k;
commit;
-- The money is taken, which the provider tells us, and which we keep.
begin;
update sandbox.intent set status = 'captured', updated_at = clock_timestamp()
where id = any(array(select 'sbx_' || md5('i' || k) from generate_series(:first::integer, :last::integer) k));
insert into sandbox.movement (intent_id, kind, amount, idempotency_key, made_at)
select 'sbx_' || md5('i' || k), 'capture', 2500, 'capture:' || md5('p' || k), now() from generate_series(:first::integer, :last::integer) k;
insert into sandbox.event (id, intent_id, kind, created_at, due_at, attempts)
select 'sbe_' || md5('e2' || k), 'sbx_' || md5('i' || k), 'intent.captured', now(), now(), 1
from generate_series(:first::integer, :last::integer) k;
commit;
insert into inbox (provider, event_id, kind, object_id, body, received_at, due_at, attempts)
select 'sandbox', 'sbe_' || md5('e2' || k), 'intent.captured', 'sbx_' || md5('i' || k), '{}', now(),
  now() + interval '10 seconds', 1
from generate_series(:first::integer, :last::integer) k;
delete from sandbox.event where id = any(array(select 'sbe_' || md5('e2' || k) from generate_series(:first::integer, :last::integer) k));
-- Known as paid, by Redis and the listeners, too.
begin;
update payment set status = 'paid', updated_at = clock_timestamp(), check_at = null
where id = any(array(select md5('p' || k)::uuid from generate_series(:first::integer, :last::integer) k));
update booking b set payment_status = 'paid', version = 3, applied_version = 3, touched_at = clock_timestamp()
from generate_series(:first::integer, :last::integer) k
where b.id = any(array(select md5('b' || n)::uuid from generate_series(:first::integer, :last::integer) n))
  and b.id = md5('b' || k)::uuid;
update booking_line set applied = 'confirmed'
where booking_id = any(array(select md5('b' || k)::uuid from generate_series(:first::integer, :last::integer) k));
insert into outbox (id, kind, booking_id, facts)
select md5('o3' || k)::uuid, 'payment_succeeded', md5('b' || k)::uuid, :facts::jsonb from generate_series(:first::integer, :last::integer) k;
commit;
update inbox set done_at = now(), last_error = null
where provider = 'sandbox' and event_id = any(array(select 'sbe_' || md5('e1' || k) from generate_series(:first::integer, :last::integer) k));
update inbox set done_at = now(), last_error = null
where provider = 'sandbox' and event_id = any(array(select 'sbe_' || md5('e2' || k) from generate_series(:first::integer, :last::integer) k));
-- The owner has notices.
begin;
update outbox set told_at = clock_timestamp()
where id = any(array(select md5('o' || o || k)::uuid from generate_series(:first::integer, :last::integer) k, generate_series(1, 3) o));
insert into notice (id, event_id, user_id, kind, title, message, data, booking_id, created_at)
select md5('n' || o || k)::uuid, md5('o' || o || k)::uuid, 'owner', 'booking_confirmed', 'A booking is confirmed',
  'F-1 of The sale, booked by Ann Example, is confirmed.', :facts::jsonb, md5('b' || k)::uuid, now()
from generate_series(:first::integer, :last::integer) k, generate_series(1, 3) o;
commit;
