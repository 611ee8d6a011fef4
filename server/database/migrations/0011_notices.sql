-- Telling people.

-- What happened, written in the transaction in which it did: nothing is told that was rolled back, and nothing
-- that was committed is forgotten. `id` follows from what happened, so that it is here once however often it is
-- written. `facts` is what is told of it, as it was then; never where a driver is, and no secret. `failed` keeps
-- why it could not be put into words.
create table outbox (
  id uuid primary key,
  position bigint generated always as identity unique,
  kind text not null check (kind in (
    'booking_created', 'booking_confirmed', 'booking_cancelled', 'booking_changed', 'booking_disputed',
    'payment_succeeded', 'payment_failed', 'payment_refunded', 'hold_expired')),
  booking_id uuid references booking (id),
  facts jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  told_at timestamptz,
  failed text
);

create index outbox_untold on outbox (position) where told_at is null;
create index outbox_told on outbox (told_at) where told_at is not null;

-- What one user is told, kept until it is read. One process at a time writes here, so whoever has read up to a
-- `position` has missed nothing below it.
create table notice (
  id uuid primary key,
  position bigint generated always as identity unique,
  event_id uuid not null,
  user_id text not null check (user_id <> ''),
  kind text not null,
  title text not null,
  message text not null,
  data jsonb not null,
  booking_id uuid,
  created_at timestamptz not null,
  read_at timestamptz,
  unique (event_id, user_id)
);

create index notice_user on notice (user_id, position);
create index notice_unread on notice (user_id, position) where read_at is null;
create index notice_read on notice (read_at) where read_at is not null;
create index notice_read_lately on notice (user_id, read_at) where read_at is not null;

-- One way of telling one of it: an e-mail, a text message, a push, a call of an owner's own system. `id` is its
-- idempotency key at whoever delivers it, and follows from the event, the channel and the address: nothing goes
-- out twice. `address` is an e-mail address, a phone number, or the id of a push subscription or webhook. Where
-- many come at once, the later ones are `joined` to a `leader` that has not gone out and go with it. `planned_at` is
-- when it was to go out, `due_at` when it is tried next. A `dead` one was given up and waits for a person; one
-- that was `dropped` has nobody left to go to.
create table delivery (
  id uuid primary key,
  position bigint generated always as identity unique,
  event_id uuid not null,
  user_id text,
  channel text not null check (channel in ('email', 'sms', 'push', 'webhook')),
  address text not null check (address <> ''),
  message jsonb not null,
  state text not null default 'waiting' check (state in ('waiting', 'joined', 'sent', 'dead', 'dropped')),
  leader uuid references delivery (id),
  attempts integer not null default 0,
  created_at timestamptz not null,
  planned_at timestamptz not null,
  due_at timestamptz not null,
  done_at timestamptz,
  dead_at timestamptz,
  last_error text,
  provider text,
  unique (event_id, channel, address),
  check ((state = 'joined') <= (leader is not null))
) with (fillfactor = 80);

create index delivery_due on delivery (channel, due_at) where state = 'waiting';
create index delivery_address on delivery (channel, address, planned_at) where leader is null;
create index delivery_leader on delivery (leader) where leader is not null;
create index delivery_dead on delivery (dead_at) where state = 'dead';
create index delivery_done on delivery (done_at) where done_at is not null;

-- How a user wants to be told; a user without a row, as is usual. `channels` is kind → channels, where it is not
-- the usual; `batch_seconds` is the least time between two e-mails, texts or pushes; `quiet` is when none goes out:
-- start and end (HH:MM) and a time zone.
create table preference (
  user_id text primary key check (user_id <> ''),
  email text,
  phone text,
  channels jsonb not null default '{}',
  batch_seconds integer not null default 0 check (batch_seconds between 0 and 86400),
  quiet jsonb,
  updated_at timestamptz not null
);

-- A browser that takes pushes (RFC 8030); signing in as another user there makes it that user's.
create table push_subscription (
  id uuid primary key,
  user_id text not null check (user_id <> ''),
  endpoint text not null unique,
  p256dh text not null,
  auth text not null,
  agent text not null default '',
  expires_at timestamptz,
  created_at timestamptz not null,
  used_at timestamptz
);

create index push_subscription_user on push_subscription (user_id);

-- Where an owner's own system hears of events; `kinds` null is all of them. `old_secret` signs too until then.
create table webhook_endpoint (
  id uuid primary key,
  user_id text not null check (user_id <> ''),
  url text not null,
  secret text not null,
  old_secret text,
  old_secret_until timestamptz,
  kinds jsonb,
  description text not null default '',
  created_at timestamptz not null,
  failing_since timestamptz,
  disabled_at timestamptz,
  last_error text
);

create index webhook_endpoint_user on webhook_endpoint (user_id);
