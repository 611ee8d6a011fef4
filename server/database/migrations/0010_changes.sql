-- `withdrawn`: its buyer gave it up, or its money was gone, before its owner spoke.
alter table booking
  drop constraint booking_approval_check,
  add constraint booking_approval_check check (approval in (
    'awaited', 'granted', 'declined', 'lapsed', 'withdrawn'));
