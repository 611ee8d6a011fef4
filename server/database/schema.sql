-- The whole schema as one file. A test proves it equal to the sum of the migrations; add to both.

create table schema_migration (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
);

-- `position` is the order of creation, which is the order of lists. `layout` rises whenever slots change;
-- `epoch` changes whenever Redis was rebuilt. `capacity` and `price_from` are of all its slots on sale, for
-- lists. A change that Redis has not been told of has `announce_after`: from then on any process may tell it.
-- A deleted resource keeps its row for the bookings on it. `price_lists` has the owner's prices in other
-- currencies: currency → minor units by category, by category and hour, by slot. `grid` has the rules of a resource
-- whose slots are steps of time; `address` is where it is.
create table resource (
  id text primary key check (id <> ''),
  position bigint generated always as identity unique,
  kind text not null check (kind in ('seats', 'sessions', 'grid')),
  title text not null,
  description text not null default '',
  owner text not null,
  time_zone text not null,
  currency text not null check (currency ~ '^[a-z]{3}$'),
  layout integer not null default 1 check (layout > 0),
  epoch text not null,
  starts_at timestamptz,
  ends_at timestamptz,
  policy jsonb not null default '{}',
  categories jsonb not null default '[]',
  plan jsonb not null default '{}',
  capacity bigint not null default 0,
  price_from integer,
  announce_after timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  price_lists jsonb not null default '{}',
  address text not null default '',
  grid jsonb,
  check (ends_at > starts_at),
  constraint resource_grid check ((kind = 'grid') = (grid is not null))
);

create index resource_owner on resource (owner) where deleted_at is null;
create index resource_announce_after on resource (announce_after) where announce_after is not null;

-- An index is never reused. `taken` counts pending and confirmed booking lines: here, and nowhere else,
-- it is decided that a slot is not sold beyond its capacity.
create table slot (
  resource_id text not null references resource (id),
  index integer not null check (index >= 0),
  id text not null check (id <> ''),
  label text not null,
  capacity integer not null check (capacity >= 0),
  taken integer not null default 0,
  price_amount integer not null check (price_amount >= 0),
  category text not null default '',
  section text not null default '',
  "row" text not null default '',
  starts_at timestamptz,
  ends_at timestamptz,
  x double precision,
  y double precision,
  accessible boolean not null default false,
  blocked boolean not null default false,
  primary key (resource_id, index),
  constraint slot_id_key unique (id, resource_id), -- not the other way: nothing is to be found in it by a resource alone
  constraint slot_taken_within_capacity check (taken >= 0 and taken <= capacity),
  check (ends_at > starts_at)
) with (fillfactor = 80); -- room beside each row: `taken` changes in place, without touching an index

create index slot_starts_at on slot (starts_at) where starts_at is not null;

-- What was sold.

-- `position` is the order of lists. One cart has one live booking. `version` rises with every change;
-- what Redis and the listeners were told of is `applied_version`. `release_at` is when the pending one's
-- release is tried next: its `expires_at`, later only while the provider cannot be asked. Late declines
-- move the deadline, never beyond `extend_until`. What was quoted in another currency than its cart's keeps
-- that one, the rate (null where every price was an owner's own) and the moment. `refund_policies` has the tiers
-- of each of its resources (null: none) as they were when it was booked (null: not kept then), `refund_start` the
-- earliest beginning that it had before it was moved (null: it never was).
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
    'expired', 'returned', 'released', 'hold_expired', 'refunded', 'payment_failed', 'disputed',
    'by_buyer', 'by_owner', 'declined', 'unanswered', 'changed')),
  version integer not null default 1,
  applied_version integer not null default 0,
  touched_at timestamptz not null,
  extend_until timestamptz not null default now(),
  base_currency text check (base_currency ~ '^[a-z]{3}$'),
  rate numeric check (rate > 0),
  quoted_at timestamptz,
  starts_at timestamptz,
  ends_at timestamptz,
  approval text check (approval in ('awaited', 'granted', 'declined', 'lapsed', 'withdrawn')),
  change_of uuid references booking (id),
  refund_policies jsonb,
  refund_start timestamptz,
  check ((status = 'cancelled') = (cancelled_at is not null)),
  check ((status = 'cancelled') = (cancel_reason is not null)),
  check (status not in ('confirmed', 'completed') or confirmed_at is not null)
) with (fillfactor = 80);

create unique index booking_live_reference on booking (reference) where status <> 'cancelled';
create index booking_session on booking (session, position);
create index booking_user on booking (user_id, position) where user_id is not null;
create index booking_owner on booking (owner, position);
create index booking_due on booking (release_at) where status = 'pending';
create index booking_ends on booking (ends_at) where status = 'confirmed' and ends_at is not null;
create index booking_unapplied on booking (touched_at) where applied_version < version;
create unique index booking_change_of on booking (change_of)
  where change_of is not null and status in ('pending', 'confirmed');

-- The price is what it was when it was held. `applied` is the state that Redis was last told of;
-- null is nothing yet, or something begun of which nobody knows how far it came. `base_price` is the price at
-- which it was held, where it was quoted in another currency.
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
  base_price integer check (base_price >= 0),
  primary key (booking_id, position),
  foreign key (resource_id, slot_index) references slot (resource_id, index),
  check ((range_start is null) = (range_end is null))
) with (fillfactor = 80);

create index booking_line_live on booking_line (resource_id, slot_index) where state <> 'released';
create index booking_line_unapplied on booking_line (resource_id) where applied is distinct from state;

-- The ranges that are taken, a row for each hold of a booking whose lines are not released. Where one can have a
-- place at a time, no two may overlap.
create extension if not exists btree_gist;

create table booking_range (
  booking_id uuid not null references booking (id),
  hold_id text not null,
  resource_id text not null references resource (id),
  during tstzrange not null check (not isempty(during)),
  exclusive boolean not null,
  primary key (booking_id, hold_id),
  constraint booking_range_apart exclude using gist (resource_id with =, during with &&) where (exclusive)
);

-- What a change is to bring: the lines as they were when it was asked for, and as they will be; what goes back of
-- what was paid (minor units). The change is a booking itself (`change_of`): of what it adds, for what it costs
-- more. Once that is confirmed and paid the two are made one: it is cancelled as `changed`, with what was given up.
create table booking_change (
  id uuid primary key references booking (id),
  booking_id uuid not null references booking (id),
  before jsonb not null,
  after jsonb not null,
  refund bigint not null check (refund >= 0),
  starts_at timestamptz,
  ends_at timestamptz
);

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

-- What a cart costs in a currency, locked. `prices` is hold:index → the price of one in minor units; `rate_at`
-- the moment of the rates that `rate` is out of; `asked_at` tells the one that its cart was last asked for in.
-- A row outlives its cart until `keep_until`, and then goes when the next quote is written.
create table quote (
  reference text not null check (reference <> ''),
  currency text not null check (currency ~ '^[a-z]{3}$'),
  base_currency text not null check (base_currency ~ '^[a-z]{3}$'),
  rate numeric check (rate > 0),
  rate_at timestamptz,
  prices jsonb not null,
  quoted_at timestamptz not null,
  asked_at timestamptz not null,
  keep_until timestamptz not null,
  version integer not null default 1,
  primary key (reference, currency),
  check ((rate is null) = (rate_at is null))
);

create index quote_keep_until on quote (keep_until);

-- Money in, money back.

-- One attempt to pay a booking. `requested_at` is written before the provider is first asked. `extra` is a
-- success nobody asked for (a page sent twice); `unwanted` is decided once: this money goes back. `share` is
-- null for the booking's own payment, else the id of that share's first attempt. `accepted` are the payments
-- by whose money a booking was confirmed. A `withdrawn` share can't be tried again. `refunded` is what went
-- back, by refunds or by the bank, as its provider last told; `inner_id` is the payment's own id where
-- `provider_id` is a page around it. `closed`: at its provider nobody can ever pay by it any more. `kept` is what
-- stays of it though its booking was cancelled, by the policy of what was booked.
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
  share uuid references payment (id),
  accepted boolean not null default false,
  withdrawn boolean not null default false,
  refunded bigint not null default 0 check (refunded >= 0),
  inner_id text,
  closed boolean not null default false,
  stopping_until timestamptz,
  kept bigint not null default 0 check (kept >= 0),
  change uuid references booking (id),
  unique (booking_id, attempt),
  unique (provider, provider_id)
) with (fillfactor = 80);

-- A payer has one attempt at a time.
create unique index payment_live on payment (booking_id, coalesce(share, booking_id))
  where status = 'pending' and not extra;
create unique index payment_inner on payment (inner_id) where inner_id is not null;
create index payment_check on payment (check_at) where check_at is not null;

alter table booking add constraint booking_confirmed_by foreign key (confirmed_by) references payment (id);

-- A refund is owed from the moment its row stands, and tried until the provider has done it. `purpose`
-- makes the provider's idempotency key: the same purpose is never refunded twice. It may be on its way for
-- days (`pending`), and fail there: then another row takes its place. `dropped`: it turned out that there was
-- nothing left to give back. `note` is what its owner wrote to it.
create table refund (
  id uuid primary key,
  payment_id uuid not null references payment (id),
  purpose text not null,
  amount bigint not null check (amount > 0),
  reason text not null,
  status text not null default 'requested' check (status in (
    'requested', 'pending', 'succeeded', 'failed', 'dropped')),
  provider_id text,
  attempts integer not null default 0,
  due_at timestamptz not null,
  created_at timestamptz not null,
  done_at timestamptz,
  last_error text,
  note text not null default '',
  unique (payment_id, purpose)
);

create index refund_due on refund (due_at) where status in ('requested', 'pending');

-- Providers' events, stored before they are acknowledged, bodies as they were signed. Dead letters keep their row.
create table inbox (
  provider text not null,
  event_id text not null,
  kind text not null,
  object_id text not null,
  body text not null,
  received_at timestamptz not null,
  attempts integer not null default 0,
  due_at timestamptz not null,
  done_at timestamptz,
  dead_at timestamptz,
  last_error text,
  primary key (provider, event_id)
);

create index inbox_due on inbox (due_at) where done_at is null and dead_at is null;
create index inbox_object on inbox (provider, object_id) where done_at is null and dead_at is null;
create index inbox_dead on inbox (dead_at) where dead_at is not null;
create index inbox_received on inbox using brin (received_at);

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
  updated_at timestamptz not null,
  dispute text not null default 'none' check (dispute in ('none', 'open', 'won', 'lost'))
);

create index intent_outcome on sandbox.intent (outcome_at) where outcome_at is not null;
create index intent_updated on sandbox.intent (updated_at);

create table sandbox.movement (
  id bigint generated always as identity primary key,
  intent_id text not null references sandbox.intent (id),
  kind text not null check (kind in ('capture', 'refund', 'reversal')),
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

-- A booking as the rooms read it: with its lines, what its payments come to (`payment` is the latest attempt of its
-- own, else of a share; `secured` what counts, `refunded` what went back), the change of it that is under way, and
-- its resources' epochs. The functions lock it first and read it then, each by a reading of its own: what they
-- answer is as it is under the lock; the last leaves those out that somebody else has. Whoever adds a column to
-- `booking` makes all of them anew.
create view whole_booking as
select b.*, money.*,
  (select jsonb_agg(jsonb_build_object(
      'position', l.position, 'resource', l.resource_id, 'index', l.slot_index, 'slot', l.slot_id,
      'label', l.label, 'quantity', l.quantity, 'price', l.unit_price, 'hold', l.hold_id,
      'range', case when l.range_start is null then null else jsonb_build_array(l.range_start, l.range_end) end,
      'state', l.state, 'applied', l.applied, 'base_price', l.base_price) order by l.position)
   from booking_line l where l.booking_id = b.id) as lines,
  (select c.id from booking c where c.change_of = b.id and c.status in ('pending', 'confirmed')) as change,
  (select jsonb_object_agg(r.id, r.epoch) from resource r
   where r.id in (select l.resource_id from booking_line l where l.booking_id = b.id)) as epochs
from booking b cross join lateral (
  select
    (array_agg(p.id order by p.share is null desc, p.attempt desc) filter (where not p.extra))[1] as payment,
    coalesce(sum(p.amount) filter (
      where p.status in ('authorized', 'paid', 'partially_refunded', 'disputed') and not p.unwanted
    ), 0)::bigint as secured,
    coalesce(sum(p.refunded) filter (where p.accepted or b.confirmed_by is null), 0)::bigint as refunded
  from payment p where p.booking_id = b.id
) money;

create function locked_booking(wanted uuid) returns setof whole_booking language plpgsql as $$
begin
  perform from booking where id = wanted for no key update;
  return query select * from whole_booking where id = wanted;
end
$$;

create function locked_booking_with_resources(wanted uuid) returns setof whole_booking language plpgsql as $$
begin
  perform from resource where id in (select resource_id from booking_line where booking_id = wanted)
  order by id for key share;
  return query select * from locked_booking(wanted);
end
$$;

create function locked_bookings(wanted uuid[]) returns setof whole_booking language plpgsql as $$
declare
  had uuid[] := array(select id from booking where id = any(wanted) for no key update skip locked);
begin
  return query select * from whole_booking where id = any(had);
end
$$;

-- A payment with what follows from others: `outstanding` is what our unfinished refunds will give back, `rivalled` whether
-- another payment of the same share has brought its money. Whoever adds a column to `payment` makes it anew.
create view payment_standing as
select p.*,
  case when p.status in ('paid', 'partially_refunded', 'refunded', 'disputed') then (
    select coalesce(sum(r.amount), 0) from refund r
    where r.payment_id = p.id and r.status in ('requested', 'pending'))
  else 0 end::bigint as outstanding,
  exists (
    select from payment o where o.booking_id = p.booking_id and o.id <> p.id and not o.unwanted
      and o.share is not distinct from p.share
      and o.status in ('authorized', 'paid', 'partially_refunded', 'disputed')) as rivalled
from payment p;

-- A payment with its whole booking, its columns named p_…. The function locks them first, in the order in which everybody
-- does, and leaves out what somebody else has: nobody is waited for but for a moment. Whoever adds a column to `booking` or
-- `payment` makes both anew.
create view whole_payment as
select b.*,
  p.id as p_id, p.booking_id as p_booking_id, p.attempt as p_attempt, p.provider as p_provider,
  p.status as p_status, p.amount as p_amount, p.currency as p_currency, p.created_at as p_created_at,
  p.updated_at as p_updated_at, p.share as p_share, p.extra as p_extra, p.accepted as p_accepted,
  p.unwanted as p_unwanted, p.withdrawn as p_withdrawn, p.flag as p_flag, p.provider_id as p_provider_id,
  p.inner_id as p_inner_id, p.client_secret as p_client_secret, p.redirect_url as p_redirect_url,
  p.requested_at as p_requested_at, p.refunded as p_refunded, p.closed as p_closed, p.kept as p_kept,
  p.change as p_change, p.stopping_until as p_stopping_until, p.check_at as p_check_at,
  p.outstanding as p_outstanding, p.rivalled as p_rivalled
from payment_standing p join whole_booking b on b.id = p.booking_id;

create function locked_payments(wanted uuid[]) returns setof whole_payment language plpgsql as $$
declare
  theirs uuid[] := array(select booking_id from payment where id = any(wanted));
  places text[] := array(
    select id from resource where id in (select resource_id from booking_line where booking_id = any(theirs))
    order by id for key share skip locked);
  had uuid[] := array(
    select id from booking
    where id = any(theirs) and not exists (
      select from booking_line l where l.booking_id = booking.id and l.resource_id <> all(places))
    for no key update skip locked);
begin
  perform from payment where id = any(wanted) and booking_id = any(had) order by id for no key update;
  return query select * from whole_payment where p_id = any(wanted) and id = any(had);
end
$$;
