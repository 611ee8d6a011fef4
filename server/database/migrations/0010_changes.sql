-- `withdrawn`: its buyer gave it up, or its money was gone, before its owner spoke.
alter table booking
  drop constraint booking_approval_check,
  add constraint booking_approval_check check (approval in (
    'awaited', 'granted', 'declined', 'lapsed', 'withdrawn'));

-- A booking offered to another user: to `to_user`, or where that is null to whoever has the link. Of its secret only
-- the hash is here. One offer of a booking stands at a time.
create table transfer (
  id uuid primary key,
  booking_id uuid not null references booking (id),
  secret_hash text not null unique,
  to_user text check (to_user <> ''),
  state text not null default 'offered' check (state in ('offered', 'accepted', 'withdrawn')),
  created_at timestamptz not null,
  expires_at timestamptz not null check (expires_at > created_at),
  ended_at timestamptz,
  accepted_by text,
  check ((state = 'offered') = (ended_at is null)),
  check ((state = 'accepted') = (accepted_by is not null))
);

create unique index transfer_offered on transfer (booking_id) where state = 'offered';
create index transfer_to_user on transfer (to_user, created_at) where state = 'offered' and to_user is not null;

-- A change of a booking is a booking itself (`change_of`): of what it adds, for what it costs more. Once that is
-- confirmed and paid the two are made one: it is cancelled as `changed`, with what was given up. One at a time.
alter table booking
  add column change_of uuid references booking (id),
  drop constraint booking_cancel_reason_check,
  add constraint booking_cancel_reason_check check (cancel_reason in (
    'expired', 'returned', 'released', 'hold_expired', 'refunded', 'payment_failed', 'disputed',
    'by_buyer', 'by_owner', 'declined', 'unanswered', 'changed'));

create unique index booking_change_of on booking (change_of)
  where change_of is not null and status in ('pending', 'confirmed');

-- What a change is to bring: the lines as they were when it was asked for, and as they will be; what goes back of
-- what was paid (minor units).
create table booking_change (
  id uuid primary key references booking (id),
  booking_id uuid not null references booking (id),
  before jsonb not null,
  after jsonb not null,
  refund bigint not null check (refund >= 0),
  starts_at timestamptz,
  ends_at timestamptz
);

-- The change by which a payment came to its booking: at its provider it is known by that one.
alter table payment add column change uuid references booking (id);
