-- Bookings from before 0009 learn when they take place, by the words of what is booked since: what a line's range
-- says, else its slot, else its resource; it is over when all of it is, null where any of it does not say when.
update booking b set starts_at = times.starts_at, ends_at = times.ends_at
from (
  select l.booking_id,
    min(coalesce(l.range_start::timestamptz, s.starts_at, r.starts_at)) as starts_at,
    case when bool_and(coalesce(l.range_end::timestamptz, s.ends_at, r.ends_at) is not null)
      then max(coalesce(l.range_end::timestamptz, s.ends_at, r.ends_at)) end as ends_at
  from booking_line l
  join slot s on s.resource_id = l.resource_id and s.index = l.slot_index
  join resource r on r.id = l.resource_id
  group by l.booking_id
) times
where b.id = times.booking_id and b.starts_at is null and b.ends_at is null
  and coalesce(times.starts_at, times.ends_at) is not null;

-- Where a driver was is nobody's business once it is over.
update booking set driver_location = null
where status in ('cancelled', 'completed') and driver_location is not null;
