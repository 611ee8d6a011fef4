-- What goes back of a booking is said by what was sold: `refund_policies` has, of each resource, the tiers that its
-- policy had (null: none) when it was booked; null in bookings from before, which are their resources' as they are.
-- `refund_start` is the earliest beginning that a booking had before it was moved; null if it never was.
alter table booking
  add column refund_policies jsonb,
  add column refund_start timestamptz;
