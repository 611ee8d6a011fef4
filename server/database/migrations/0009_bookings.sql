-- `ends_at`: when all of it is over, null where nothing says so. `approval`: what its owner said, null where nobody
-- asks; while it is awaited the booking is pending, its places are taken for good and its money is promised.
alter table booking
  add column ends_at timestamptz,
  add column approval text check (approval in ('awaited', 'granted', 'declined', 'lapsed')),
  drop constraint booking_cancel_reason_check,
  add constraint booking_cancel_reason_check check (cancel_reason in (
    'expired', 'returned', 'released', 'hold_expired', 'refunded', 'payment_failed', 'disputed',
    'by_buyer', 'by_owner', 'declined', 'unanswered'));

create index booking_ends on booking (ends_at) where status = 'confirmed' and ends_at is not null;
