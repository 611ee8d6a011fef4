-- A session's `held` holds in one resource are its cart's; they share one deadline and one reference.

local function in_cart(holds)
  local found = {}
  for _, hold in ipairs(holds) do
    if hold.status == 'held' then found[#found + 1] = hold end
  end
  return found
end

-- Now + the hold's length, never past the cart's first hold + its ceiling.
local function shared_deadline(first_hold_at)
  return math.min(now + input.hold_ms, first_hold_at + input.max_ms)
end

local function move(hold, expires_at, reference, first_hold_at)
  hold.expires_at = expires_at
  hold.reference = reference or hold.reference
  hold.first_hold_at = first_hold_at or hold.first_hold_at
  keep(hold)
  tell(hold, '')
end
