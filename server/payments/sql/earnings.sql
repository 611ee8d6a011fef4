-- name: by_month
-- $1 owner, $2 how many rows → a row for each month (UTC, by confirmation) and currency, the latest first. Only money
-- that bookings were confirmed by: what was refunded as unwanted was never the owner's.
select to_char(b.confirmed_at at time zone 'UTC', 'YYYY-MM') as month, p.currency,
  count(distinct b.id) as bookings, sum(p.amount)::bigint as taken, sum(p.refunded)::bigint as refunded
from booking b join payment p on p.booking_id = b.id
where b.owner = $1 and b.confirmed_at is not null and p.accepted
  and p.status in ('paid', 'partially_refunded', 'refunded', 'disputed')
group by month, p.currency
order by month desc, p.currency
limit $2;
