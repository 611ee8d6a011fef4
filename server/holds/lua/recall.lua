-- Says again what came of a hold that was made, or refused, under an op.
-- uses: call bytes resource loaded holds ops
-- flags: no-writes
--
-- In:  id, session, op?
-- Out: as hold.lua · ended: nothing is remembered

local before = remembered('hold')
if before then return before end
local known = read(input.id)
if not known then return answer({status = 'ended'}) end
return answer({status = 'held', created = true, replayed = true, hold = known, version = meta.version})
