-- Prices in other currencies than a resource's own.

-- Currency → minor units by category, by category and hour, by slot.
alter table resource add column price_lists jsonb not null default '{}';

-- What was quoted in another currency than its cart's keeps that one, the rate (null where every price was an
-- owner's own) and the moment; of a line, the price at which it was held. All null where nothing was quoted.
alter table booking
  add column base_currency text check (base_currency ~ '^[a-z]{3}$'),
  add column rate numeric check (rate > 0),
  add column quoted_at timestamptz;
alter table booking_line add column base_price integer check (base_price >= 0);

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
