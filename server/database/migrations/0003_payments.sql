-- Money in, money back.

-- One attempt to pay a booking. `requested_at` is written before the provider is first asked. `extra` is a
-- success nobody asked for (a page sent twice); `unwanted` is decided once: this money goes back.
create table payment (
  id uuid primary key,
  booking_id uuid not null references booking (id),
  attempt integer not null check (attempt > 0),
  extra boolean not null default false,
  provider text not null,
  provider_id text,
  status text not null check (status in (
    'pending', 'authorized', 'paid', 'failed', 'refunded', 'partially_refunded', 'disputed')),
  unwanted boolean not null default false,
  flag text,
  amount bigint not null check (amount >= 0),
  currency text not null check (currency ~ '^[a-z]{3}$'),
  client_secret text,
  redirect_url text,
  requested_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check_at timestamptz,
  unique (booking_id, attempt),
  unique (provider, provider_id)
) with (fillfactor = 80);

create unique index payment_live on payment (booking_id) where status in ('pending', 'authorized') and not extra;
create index payment_check on payment (check_at) where check_at is not null;

alter table booking add constraint booking_confirmed_by foreign key (confirmed_by) references payment (id);

-- A refund is owed from the moment its row stands, and tried until the provider has done it. `purpose`
-- makes the provider's idempotency key: the same purpose is never refunded twice.
create table refund (
  id uuid primary key,
  payment_id uuid not null references payment (id),
  purpose text not null,
  amount bigint not null check (amount > 0),
  reason text not null,
  status text not null default 'requested' check (status in ('requested', 'succeeded')),
  provider_id text,
  attempts integer not null default 0,
  due_at timestamptz not null,
  created_at timestamptz not null,
  done_at timestamptz,
  last_error text,
  unique (payment_id, purpose)
);

create index refund_due on refund (due_at) where status = 'requested';

-- Providers' events, stored before they are acknowledged. Dead letters keep their row.
create table inbox (
  provider text not null,
  event_id text not null,
  kind text not null,
  object_id text not null,
  body jsonb not null,
  received_at timestamptz not null,
  attempts integer not null default 0,
  due_at timestamptz not null,
  done_at timestamptz,
  dead_at timestamptz,
  last_error text,
  primary key (provider, event_id)
);

create index inbox_due on inbox (due_at) where done_at is null and dead_at is null;

-- The sandbox provider is a third party that happens to live here: nothing of ours reads these tables.
create schema sandbox;

create table sandbox.intent (
  id text primary key,
  secret text not null,
  idempotency_key text not null unique,
  amount bigint not null check (amount > 0),
  currency text not null,
  capture text not null check (capture in ('manual', 'automatic')),
  metadata jsonb not null,
  status text not null check (status in ('open', 'declined', 'authorised', 'captured', 'cancelled')),
  outcome text check (outcome in ('succeed', 'decline', 'cancel')),
  outcome_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create index intent_outcome on sandbox.intent (outcome_at) where outcome_at is not null;
create index intent_updated on sandbox.intent (updated_at);

create table sandbox.movement (
  id bigint generated always as identity primary key,
  intent_id text not null references sandbox.intent (id),
  kind text not null check (kind in ('capture', 'refund')),
  amount bigint not null check (amount > 0),
  idempotency_key text not null unique,
  made_at timestamptz not null
);

create index movement_intent on sandbox.movement (intent_id);

create table sandbox.event (
  id text primary key,
  intent_id text not null references sandbox.intent (id),
  kind text not null,
  created_at timestamptz not null,
  attempts integer not null default 0,
  due_at timestamptz not null,
  delivered_at timestamptz
);

create index event_due on sandbox.event (due_at) where delivered_at is null;
