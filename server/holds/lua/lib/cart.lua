-- A session's `held` holds in one resource are its cart's; they share one deadline and one reference.

local function in_cart(holds)
  local found = {}
  for _, hold in ipairs(holds) do
    if hold.status == 'held' then found[#found + 1] = hold end
  end
  return found
end

-- Notes the longest that any hold was ever given. While the clock goes forward no hold has longer left than that; by
-- one that has, expire.lua knows that the clock went back.
local function note_length(length)
  if length > meta.longest then
    meta.longest = length
    redis.call('HSET', KEYS[1], 'longest', length)
  end
end

-- Now + the hold's length, never past the cart's first hold + its ceiling.
local function shared_deadline(first_hold_at)
  note_length(input.hold_ms)
  return math.min(now + input.hold_ms, first_hold_at + input.max_ms)
end

-- The one that is given, as of a cart that is in other resources, too; else as above.
local function given_deadline()
  if not input.expires_at then return shared_deadline(input.first_hold_at) end
  note_length(input.expires_at - now)
  return input.expires_at
end

-- A deadline that was put off for a booking (await.lua) is never moved to an earlier one.
local function move(hold, expires_at, reference, first_hold_at)
  if not hold.put_off or expires_at > hold.expires_at then
    hold.expires_at, hold.put_off = expires_at, nil
  end
  hold.reference = reference or hold.reference
  hold.first_hold_at = first_hold_at or hold.first_hold_at
  keep(hold)
  tell(hold, '')
end
