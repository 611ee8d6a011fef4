-- name: resources
-- In: –. Out: each resource's id, epoch and layout.
select id, epoch, layout from resource where deleted_at is null order by id

-- name: slots
-- In: a resource's id. Out: its slots as PostgreSQL counts them.
select index, capacity, taken, blocked from slot where resource_id = $1 order by index

-- name: lines
-- In: a resource's id. Out: the live lines, with what their booking says; of a pending one whose owner was asked,
-- what that says: awaited, granted.
select line.slot_index, line.quantity, line.state, line.hold_id, booking.reference,
  case booking.status when 'pending' then coalesce(booking.approval, 'pending') else booking.status end as status,
  booking.expires_at
from booking_line line join booking on booking.id = line.booking_id
where line.resource_id = $1 and line.state <> 'released'
order by line.slot_index, booking.reference

-- name: money
-- In: –. Out: of bookings that stand or were ever paid for, one row for each payment (or none) with its refunds.
select booking.id, booking.reference,
  case booking.status when 'pending' then coalesce(booking.approval, 'pending') else booking.status end as status,
  booking.total, booking.currency, coalesce((
    select bool_and(coalesce(resource.policy ->> 'dispute', '') = 'keep')
    from booking_line line join resource on resource.id = line.resource_id where line.booking_id = booking.id
  ), false) as keeps,
  payment.id as payment, payment.status as payment_status, payment.accepted, payment.amount,
  payment.currency as paid_in, payment.refunded,
  coalesce(sum(refund.amount) filter (where refund.status = 'succeeded'), 0)::bigint as given,
  coalesce(sum(refund.amount) filter (where refund.status in ('requested', 'pending')), 0)::bigint as owed,
  extract(epoch from now() - payment.updated_at)::float8 as age, payment.kept
from booking
left join payment on payment.booking_id = booking.id and payment.status not in ('pending', 'failed')
  or payment.booking_id = booking.id and payment.accepted
left join refund on refund.payment_id = payment.id
where booking.status in ('confirmed', 'completed') or payment.id is not null
group by booking.id, payment.id
order by booking.reference, payment.attempt

-- name: ranges
-- In: –. Out: each hold of a range that is booked or taken: its lines' steps and range, and the range taken for it.
with line as (
  select booking_id, hold_id, resource_id, range_start::timestamptz as booked_from,
    range_end::timestamptz as booked_until, array_agg(slot_index order by slot_index) as steps
  from booking_line where range_start is not null and state <> 'released'
  group by booking_id, hold_id, resource_id, range_start, range_end
)
select resource.id as resource, booking.reference, (resource.grid ->> 'origin')::timestamptz as origin,
  (resource.grid ->> 'step_minutes')::integer as minutes, coalesce(taken.exclusive, false) as exclusive,
  coalesce(line.steps, '{}') as steps, line.booked_from, line.booked_until,
  lower(taken.during) as taken_from, upper(taken.during) as taken_until
from line full join booking_range taken using (booking_id, hold_id, resource_id)
join resource on resource.id = resource_id
join booking on booking.id = booking_id
order by resource.id, booking.reference
