-- Takes items, or the best places: all of them or none; see hold.lua. Nothing here commits: what an answer says of
-- the version is known afterwards.

local function quantity_of(hold)
  if hold.range then return 1 end
  local sum = 0
  for _, item in ipairs(hold.items) do sum = sum + item[2] end
  return sum
end

local function same_items(hold)
  if #hold.items ~= #input.items then return false end
  local quantities = {}
  for _, item in ipairs(hold.items) do quantities[item[1]] = item[2] end
  for _, item in ipairs(input.items) do
    if quantities[item[1]] ~= item[2] then return false end
  end
  return true
end

local function hold_of_just_this(cart)
  for _, hold in ipairs(input.items and cart or {}) do
    if same_items(hold) then return hold end
  end
end

local function indices_of(holds)
  local indices = {}
  for _, hold in ipairs(holds) do
    for _, item in ipairs(hold.items) do indices[item[1]] = true end
  end
  return indices
end

-- The items to take, or nil and what cannot be had.
local function choose(cart)
  local own = indices_of(cart)
  if input.best then
    local items = choose_best(input.best, own)
    return items, {}
  end
  local missing = {}
  for _, item in ipairs(input.items) do
    if own[item[1]] or record(item[1]).available < item[2] then missing[#missing + 1] = item[1] end
  end
  if #missing > 0 then return nil, missing end
  return input.items, missing
end

local function knows_all_items()
  if meta.chunk then return true end
  for _, item in ipairs(input.items or {}) do
    if item[1] >= meta.count then return false end
  end
  return true
end

local function places_of(holds)
  local sum = 0
  for _, hold in ipairs(holds) do sum = sum + quantity_of(hold) end
  return sum
end

local function is_on_its_way()
  for _, id in ipairs(input.pending or {}) do
    if redis.call('EXISTS', key('hold', id)) == 0 then return true end
  end
  return false
end

-- The cart that the hold joins: what the session has here decides, then what it has elsewhere.
local function cart_to_join(cart)
  if cart[1] then return cart[1].reference, cart[1].first_hold_at end
  if input.reference then return input.reference, input.first_hold_at or now end
  if is_on_its_way() then return input.joining, now end
  return input.fresh, now
end

local function priced(items)
  if meta.chunk then return items end
  local found = {}
  for _, item in ipairs(items) do
    local bytes = redis.call('GETRANGE', key('prices'), item[1] * 4, item[1] * 4 + 3)
    found[#found + 1] = {item[1], item[2], (struct.unpack('<I', bytes))}
  end
  return found
end

local function take(items, cart)
  local reference, first_hold_at = cart_to_join(cart)
  local deadline = shared_deadline(first_hold_at)
  local hold = {
    id = input.id, session = input.session, resource = input.resource, reference = reference,
    items = priced(items), range = input.range, currency = meta.currency, status = 'held',
    created_at = now, expires_at = deadline, first_hold_at = first_hold_at,
  }
  for _, item in ipairs(items) do change(item[1], item[2], 0) end
  keep_new(hold)
  tell(hold, '')
  for _, other in ipairs(cart) do move(other, deadline) end
  return hold
end

local function stay_alive()
  if input.process then
    stays_alive(input.session, input.process, now + input.live_ms)
  else
    take_back_leave(input.session)
  end
end

-- The answer's fields `hold` and `others`, of holds as they stand in Redis.
local function packed_fields(hold, mine)
  local others = {}
  for _, each in ipairs(mine) do
    if each.id ~= hold.id then others[#others + 1] = packed_hold(each) end
  end
  return '\164hold' .. packed_hold(hold) .. '\166others' .. list_head(#others) .. table.concat(others)
end

local function held(hold, mine, made_at)
  return function()
    local content = {status = 'held', created = made_at ~= nil, version = version_at(made_at)}
    return remember('hold', content, hold.expires_at, 2, packed_fields(hold, mine))
  end
end

-- The op is not remembered any more, or never was: what it made is still known.
local function held_before(hold, mine)
  return function()
    local content = {status = 'held', created = true, replayed = true, version = version_at()}
    return answer_packed(extended(content, 2, packed_fields(hold, mine)))
  end
end

local function taken(missing)
  return function()
    return remember('hold', {status = 'taken', slots = missing, version = version_at()}, now)
  end
end

-- What is to be `said` once all is written.
local function take_items()
  local before = remembered('hold')
  if before then return before end
  if not knows_all_items() then return answer({status = 'outdated'}) end
  local other = other_layout()
  if other then return other end

  local mine = holds_of(input.session)
  local known = not input.is_new and read(input.id)
  if known then return held_before(known, mine) end
  local same = hold_of_just_this(in_cart(mine))
  if same then return held(same, mine) end

  local wanted = input.best and input.best.quantity or quantity_of(input)
  if input.limit > 0 and places_of(mine) + wanted > input.limit then
    return remember('hold', {status = 'limit', has = places_of(mine)}, now)
  end

  local items, missing = choose(in_cart(mine))
  if not items and end_all_due(input.liveness) then
    mine = holds_of(input.session)
    items, missing = choose(in_cart(mine))
  end
  if not items then return taken(missing) end

  local hold = take(items, in_cart(mine))
  stay_alive()
  return held(hold, mine, step)
end
