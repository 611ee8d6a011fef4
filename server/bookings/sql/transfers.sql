-- Transfers. Lock order: the booking, then its transfer.

-- name: withdraw
-- $1 booking, $2 now → the offer that stood, if one did.
update transfer set state = 'withdrawn', ended_at = $2 where booking_id = $1 and state = 'offered' returning id;

-- name: offer
insert into transfer (id, booking_id, secret_hash, to_user, created_at, expires_at) values ($1, $2, $3, $4, $5, $6);

-- name: latest
-- $1 booking → the offer that was made last.
select * from transfer where booking_id = $1 order by created_at desc, state = 'offered' desc limit 1;

-- name: find
-- $1 hash of a secret.
select * from transfer where secret_hash = $1;

-- name: find_named
-- $1 transfer, $2 the user whom it names.
select * from transfer where id = $1 and to_user = $2;

-- name: lock
-- $1 transfer.
select * from transfer where id = $1 for no key update;

-- name: accept
-- $1 transfer, $2 user, $3 now.
update transfer set state = 'accepted', accepted_by = $2, ended_at = $3 where id = $1;

-- name: to_user
-- $1 user, $2 now, $3 how many → what is offered to them by name and can be accepted, the latest first.
select t.* from transfer t join booking b on b.id = t.booking_id
where t.to_user = $1 and t.state = 'offered' and t.expires_at > $2 and b.status = 'confirmed'
order by t.created_at desc limit $3;

-- name: hand_over
-- $1 booking, $2 session, $3 user, $4 customer, $5 now: what its former people wrote about themselves is not theirs.
update booking set session = $2, user_id = $3, customer = $4, attendees = '[]', special_requests = '',
  driver_location = null, version = version + 1, touched_at = $5
where id = $1;
