-- What can be booked: resources and their slots.

create table schema_migration (
  name text primary key,
  sha256 text not null,
  applied_at timestamptz not null default now()
);

-- `position` is the order of creation, which is the order of lists. `layout` rises whenever slots change;
-- `epoch` changes whenever Redis was rebuilt. `capacity` and `price_from` are of all its slots on sale, for
-- lists. A change that Redis has not been told of has `announce_after`: from then on any process may tell it.
-- A deleted resource keeps its row for the bookings on it.
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
  check (ends_at > starts_at)
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
  unique (resource_id, id),
  constraint slot_taken_within_capacity check (taken >= 0 and taken <= capacity),
  check (ends_at > starts_at)
) with (fillfactor = 80); -- room beside each row: `taken` changes in place, without touching an index

create index slot_starts_at on slot (starts_at) where starts_at is not null;
