-- A payment with what follows from others: `outstanding` is what our unfinished refunds will give back, `rivalled` whether
-- another payment of the same share has brought its money. Whoever adds a column to `payment` makes it anew.
create view payment_standing as
select p.*,
  case when p.status in ('paid', 'partially_refunded', 'refunded', 'disputed') then (
    select coalesce(sum(r.amount), 0) from refund r
    where r.payment_id = p.id and r.status in ('requested', 'pending'))
  else 0 end::bigint as outstanding,
  exists (
    select from payment o where o.booking_id = p.booking_id and o.id <> p.id and not o.unwanted
      and o.share is not distinct from p.share
      and o.status in ('authorized', 'paid', 'partially_refunded', 'disputed')) as rivalled
from payment p;

create or replace view whole_payment as
select b.*,
  p.id as p_id, p.booking_id as p_booking_id, p.attempt as p_attempt, p.provider as p_provider,
  p.status as p_status, p.amount as p_amount, p.currency as p_currency, p.created_at as p_created_at,
  p.updated_at as p_updated_at, p.share as p_share, p.extra as p_extra, p.accepted as p_accepted,
  p.unwanted as p_unwanted, p.withdrawn as p_withdrawn, p.flag as p_flag, p.provider_id as p_provider_id,
  p.inner_id as p_inner_id, p.client_secret as p_client_secret, p.redirect_url as p_redirect_url,
  p.requested_at as p_requested_at, p.refunded as p_refunded, p.closed as p_closed, p.kept as p_kept,
  p.change as p_change, p.stopping_until as p_stopping_until, p.check_at as p_check_at,
  p.outstanding as p_outstanding, p.rivalled as p_rivalled
from payment_standing p join whole_booking b on b.id = p.booking_id;
