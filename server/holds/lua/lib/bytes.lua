-- msgpack put together of parts that are packed already, so that a hold is packed once in a call.

local function list_head(count)
  if count < 16 then return string.char(144 + count) end
  if count < 65536 then return '\220' .. struct.pack('>H', count) end
  return '\221' .. struct.pack('>I', count)
end

-- A map of fewer than 16 fields with `more` of them, packed and in `bytes`, at its end.
local function extended(map, more, bytes)
  local packed = cmsgpack.pack(map)
  return string.char(string.byte(packed) + more) .. string.sub(packed, 2) .. bytes
end
