-- A body is kept as it was signed: JSON that Stripe may send (\u0000, numbers of any length) is not all jsonb.
alter table inbox alter column body type text using body::text;

-- All that is due of one object is worked off together.
create index inbox_object on inbox (provider, object_id) where done_at is null and dead_at is null;

-- What was worked off long ago is forgotten.
create index inbox_received on inbox using brin (received_at);

-- Dead letters are counted again and again, and are few.
create index inbox_dead on inbox (dead_at) where dead_at is not null;
