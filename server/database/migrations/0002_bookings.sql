-- What was sold.

-- `position` is the order of lists. One cart has one live booking. `version` rises with every change;
-- what Redis and the listeners were told of is `applied_version`. `release_at` is when the pending one's
-- release is tried next: its `expires_at`, later only while the provider cannot be asked.
create table booking (
  id uuid primary key,
  position bigint generated always as identity unique,
  reference text not null check (reference <> ''),
  session text not null,
  user_id text,
  owner text not null,
  status text not null check (status in ('pending', 'confirmed', 'cancelled', 'completed')),
  payment_status text not null check (payment_status in (
    'pending', 'authorized', 'paid', 'failed', 'refunded', 'partially_refunded', 'disputed')),
  currency text not null check (currency ~ '^[a-z]{3}$'),
  total bigint not null check (total >= 0),
  customer jsonb not null,
  attendees jsonb not null default '[]',
  special_requests text not null default '',
  driver_location jsonb,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  release_at timestamptz not null,
  confirmed_at timestamptz,
  confirmed_by uuid,
  cancelled_at timestamptz,
  cancel_reason text check (cancel_reason in (
    'expired', 'returned', 'released', 'hold_expired', 'refunded', 'payment_failed')),
  version integer not null default 1,
  applied_version integer not null default 0,
  touched_at timestamptz not null,
  check ((status = 'cancelled') = (cancelled_at is not null)),
  check ((status = 'cancelled') = (cancel_reason is not null)),
  check (status not in ('confirmed', 'completed') or confirmed_at is not null)
) with (fillfactor = 80);

create unique index booking_live_reference on booking (reference) where status <> 'cancelled';
create index booking_session on booking (session, position);
create index booking_user on booking (user_id, position) where user_id is not null;
create index booking_owner on booking (owner, position);
create index booking_due on booking (release_at) where status = 'pending';
create index booking_unapplied on booking (touched_at) where applied_version < version;

-- The price is what it was when it was held. `applied` is the state that Redis was last told of;
-- null is nothing yet, or something begun of which nobody knows how far it came.
create table booking_line (
  booking_id uuid not null references booking (id),
  position integer not null,
  resource_id text not null,
  slot_index integer not null,
  slot_id text not null,
  label text not null,
  quantity integer not null check (quantity > 0),
  unit_price integer not null check (unit_price >= 0),
  hold_id text not null,
  range_start text,
  range_end text,
  state text not null check (state in ('pending', 'confirmed', 'released')),
  applied text check (applied in ('pending', 'confirmed', 'released')),
  primary key (booking_id, position),
  foreign key (resource_id, slot_index) references slot (resource_id, index),
  check ((range_start is null) = (range_end is null))
) with (fillfactor = 80);

create index booking_line_live on booking_line (resource_id, slot_index) where state <> 'released';
create index booking_line_unapplied on booking_line (resource_id) where applied is distinct from state;
