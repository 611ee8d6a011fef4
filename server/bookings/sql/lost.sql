-- name: lines_of_holds
-- $1 sessions, $2 holds of theirs → those that stand as lines of a booking, and how.
select l.hold_id, l.state from booking b join booking_line l on l.booking_id = b.id
where b.session = any($1::text[]) and l.hold_id = any($2::text[]) and l.state <> 'released';
