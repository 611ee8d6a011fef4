-- Several payments for one booking; disputes; refunds that take their time.

-- `share` is null for the booking's own payment, else the id of that share's first attempt. `accepted` are the
-- payments by whose money a booking was confirmed. A `withdrawn` share can't be tried again. `refunded` is what
-- went back, by refunds or by the bank, as its provider last told; `inner_id` is the payment's own id where
-- `provider_id` is a page around it. `closed`: at its provider nobody can ever pay by it any more.
alter table payment
  add column share uuid references payment (id),
  add column accepted boolean not null default false,
  add column withdrawn boolean not null default false,
  add column refunded bigint not null default 0 check (refunded >= 0),
  add column inner_id text,
  add column closed boolean not null default false;

update payment set accepted = true from booking where booking.confirmed_by = payment.id;
update payment set refunded = given.back
from (select payment_id, sum(amount) as back from refund where status = 'succeeded' group by payment_id) given
where given.payment_id = payment.id;

-- A payer has one attempt at a time.
drop index payment_live;
create unique index payment_live on payment (booking_id, coalesce(share, booking_id))
  where status = 'pending' and not extra;
create unique index payment_inner on payment (inner_id) where inner_id is not null;

-- Late declines move a booking's deadline, never beyond `extend_until`. A process of an older release, which
-- knows nothing of it, makes bookings whose deadlines stand.
alter table booking add column extend_until timestamptz not null default now();
update booking set extend_until = expires_at + interval '5 minutes';

alter table booking
  drop constraint booking_cancel_reason_check,
  add constraint booking_cancel_reason_check check (cancel_reason in (
    'expired', 'returned', 'released', 'hold_expired', 'refunded', 'payment_failed', 'disputed'));

-- A refund may be on its way for days (`pending`), and fail there: then another row takes its place.
-- `dropped`: it turned out that there was nothing left to give back. `note` is what its owner wrote to it.
alter table refund
  add column note text not null default '',
  drop constraint refund_status_check,
  add constraint refund_status_check check (status in (
    'requested', 'pending', 'succeeded', 'failed', 'dropped'));
drop index refund_due;
create index refund_due on refund (due_at) where status in ('requested', 'pending');

-- The sandbox's buyers have a bank too.
alter table sandbox.intent
  add column dispute text not null default 'none' check (dispute in ('none', 'open', 'won', 'lost'));
alter table sandbox.movement
  drop constraint movement_kind_check,
  add constraint movement_kind_check check (kind in ('capture', 'refund', 'reversal'));
