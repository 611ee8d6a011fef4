-- Takes items, or the best places, for a session: all of them or none.
-- uses: call bytes resource rebuilding loaded days records holds commit keep live due ops cart best taking
--
-- In:  id, session, resource, layout, op?
--      items [[index, quantity], …], or best {quantity, category?, adjacent}
--      of a grid: items [[index, quantity, price], …], range, days; ARGV[2]: these days' records (days.lua)
--      reference and first_hold_at? of the cart if it is alive elsewhere; fresh, the reference of a new one
--      pending: ids of the cart's holds here that may be on their way; joining: its reference if one is
--      hold_ms, max_ms, limit (places a session may have here, 0: any), liveness (whether it counts)
--      process and live_ms? (the session has a socket there)
--      latest (ms): after that its intent may be forgotten, and the hold would be in no index
-- Out: status held: created, hold, others (the session's further live ones here), version
--      taken: slots (indices; none for best) · limit: has (places)
--      unloaded · outdated: an index is beyond what Redis knows, or a grid's layout is older here
--      newer: layout (of a grid, the one that stands here) · op_reused · late: nothing was taken

if now > input.latest then return answer({status = 'late'}) end
local outcome = take_items()
commit()
return said(outcome)
