-- A session means to hold something: says which cart that joins, and writes the intent down before it is done.
-- uses: call session joining
--
-- In:  id, resource, owner, currency, fresh (the reference of a new cart), lasts_ms
-- Out: status joined: reference, first_hold_at, created (the cart is new), entries (those of before, whole)
--      differs: the cart has another owner or currency; entries; nothing changed
--      ended: this hold was made or refused before, or is noted of another one, in `resource`; nothing changed

return answer(join())
