-- `starts_at`, `ends_at`: when the first of it begins and when all of it is over, null where nothing says so.
-- `approval`: what its owner said, null where nobody asks; while it is awaited the booking is pending, its places
-- are taken for good and its money is promised.
alter table booking
  add column starts_at timestamptz,
  add column ends_at timestamptz,
  add column approval text check (approval in ('awaited', 'granted', 'declined', 'lapsed')),
  drop constraint booking_cancel_reason_check,
  add constraint booking_cancel_reason_check check (cancel_reason in (
    'expired', 'returned', 'released', 'hold_expired', 'refunded', 'payment_failed', 'disputed',
    'by_buyer', 'by_owner', 'declined', 'unanswered'));

create index booking_ends on booking (ends_at) where status = 'confirmed' and ends_at is not null;

-- Whose booking is cancelled has back what its policy says; so much of the payment stays (`kept`).
alter table payment add column kept bigint not null default 0 check (kept >= 0);
