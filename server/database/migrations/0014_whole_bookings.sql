-- A booking as the rooms read it: with its lines, what its payments come to (`payment` is the latest attempt of its
-- own, else of a share; `secured` what counts, `refunded` what went back), the change of it that is under way, and
-- its resources' epochs. The functions lock it first and read it then, each by a reading of its own: what they
-- answer is as it is under the lock; the last leaves those out that somebody else has. Whoever adds a column to
-- `booking` makes all of them anew.
create view whole_booking as
select b.*, money.*,
  (select jsonb_agg(jsonb_build_object(
      'position', l.position, 'resource', l.resource_id, 'index', l.slot_index, 'slot', l.slot_id,
      'label', l.label, 'quantity', l.quantity, 'price', l.unit_price, 'hold', l.hold_id,
      'range', case when l.range_start is null then null else jsonb_build_array(l.range_start, l.range_end) end,
      'state', l.state, 'applied', l.applied, 'base_price', l.base_price) order by l.position)
   from booking_line l where l.booking_id = b.id) as lines,
  (select c.id from booking c where c.change_of = b.id and c.status in ('pending', 'confirmed')) as change,
  (select jsonb_object_agg(r.id, r.epoch) from resource r
   where r.id in (select l.resource_id from booking_line l where l.booking_id = b.id)) as epochs
from booking b cross join lateral (
  select
    (array_agg(p.id order by p.share is null desc, p.attempt desc) filter (where not p.extra))[1] as payment,
    coalesce(sum(p.amount) filter (
      where p.status in ('authorized', 'paid', 'partially_refunded', 'disputed') and not p.unwanted
    ), 0)::bigint as secured,
    coalesce(sum(p.refunded) filter (where p.accepted or b.confirmed_by is null), 0)::bigint as refunded
  from payment p where p.booking_id = b.id
) money;

create function locked_booking(wanted uuid) returns setof whole_booking language plpgsql as $$
begin
  perform from booking where id = wanted for no key update;
  return query select * from whole_booking where id = wanted;
end
$$;

create function locked_booking_with_resources(wanted uuid) returns setof whole_booking language plpgsql as $$
begin
  perform from resource where id in (select resource_id from booking_line where booking_id = wanted)
  order by id for key share;
  return query select * from locked_booking(wanted);
end
$$;

create function locked_bookings(wanted uuid[]) returns setof whole_booking language plpgsql as $$
declare
  had uuid[] := array(select id from booking where id = any(wanted) for no key update skip locked);
begin
  return query select * from whole_booking where id = any(had);
end
$$;
