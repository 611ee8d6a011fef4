-- name: resources
-- In: –. Out: each resource's id, epoch and layout.
select id, epoch, layout from resource where deleted_at is null order by id

-- name: slots
-- In: a resource's id. Out: its slots as PostgreSQL counts them.
select index, capacity, taken, blocked from slot where resource_id = $1 order by index

-- name: lines
-- In: a resource's id. Out: the live lines, with what their booking says.
select line.slot_index, line.quantity, line.state, line.hold_id, booking.reference, booking.status, booking.expires_at
from booking_line line join booking on booking.id = line.booking_id
where line.resource_id = $1 and line.state <> 'released'
order by line.slot_index, booking.reference
