-- Who stops an attempt at its provider says so first: until then nobody confirms a booking by its money.
alter table payment add column stopping_until timestamptz;
