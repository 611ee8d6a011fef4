-- name: read
-- $1 reference, $2 currency.
select * from quote where reference = $1 and currency = $2;

-- name: last
-- $1 reference → the one that its cart was last asked for in.
select * from quote where reference = $1 order by asked_at desc, currency limit 1;

-- name: insert
-- $1 reference, $2 currency, $3 base, $4 rate, $5 its moment, $6 prices, $7 quoted at, $8 asked at, $9 kept until
-- → true; no row if another tab was first.
insert into quote (
  reference, currency, base_currency, rate, rate_at, prices, quoted_at, asked_at, keep_until
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (reference, currency) do nothing
returning true;

-- name: update
-- $1 reference, $2 currency, $3 rate, $4 its moment, $5 prices, $6 quoted at, $7 kept until, $8 the version that
-- was read → true; no row if another tab was first.
update quote
set rate = $3, rate_at = $4, prices = $5, quoted_at = $6, keep_until = $7, version = version + 1
where reference = $1 and currency = $2 and version = $8
returning true;

-- name: ask
-- $1 reference, $2 currency, $3 now: the cart is shown in this currency from now on.
update quote set asked_at = greatest(asked_at, $3) where reference = $1 and currency = $2;

-- name: sweep
-- $1 now, $2 how many at the most: what outlived its cart.
with due as materialized (
  select reference, currency from quote where keep_until < $1 order by keep_until limit $2 for update skip locked
)
delete from quote where (reference, currency) in (select reference, currency from due);
