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
