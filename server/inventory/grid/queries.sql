-- name: lock_steps
-- in: resource id, index from which on
-- answers: id, capacity and taken of the steps of which something is booked, locked in the order that bookings take
select id, capacity, taken from slot where resource_id = $1 and index >= $2 and taken > 0
order by index for update;

-- name: resize_steps
-- in: resource id, index from which on, the new capacity of each step that stands
update slot set capacity = $3 where resource_id = $1 and index >= $2;
