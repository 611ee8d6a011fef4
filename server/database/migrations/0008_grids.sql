-- Time as inventory. `grid` has the rules of a resource whose slots are steps of time; `address` is where it is.
alter table resource
  add column address text not null default '',
  add column grid jsonb;
alter table resource add constraint resource_grid check ((kind = 'grid') = (grid is not null));

create extension if not exists btree_gist;

-- The ranges that are taken, a row for each hold of a booking whose lines are not released. Where one can have a
-- place at a time, no two may overlap.
create table booking_range (
  booking_id uuid not null references booking (id),
  hold_id text not null,
  resource_id text not null references resource (id),
  during tstzrange not null check (not isempty(during)),
  exclusive boolean not null,
  primary key (booking_id, hold_id),
  constraint booking_range_apart exclude using gist (resource_id with =, during with &&) where (exclusive)
);
