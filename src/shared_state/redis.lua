-- The rules of a shared state, for Redis and Valkey: one request in, one answer out, in one step that nothing comes
-- between. js/shared/rules.js has the same rules for other stores; tests/shared_state/cases.json holds both to them.
--
-- KEYS: a hash of what is known, and sorted sets of what ends when, who waits in which line, and who has called of
-- late; all of one hash tag. ARGV: the request as JSON; in tests, what time it is in microseconds.

local STATE, ENDS, LINES, CALLERS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local SECOND = 1000000
local GRACE = SECOND                 -- who looks later than that is passed over
local AGEING = 10 * SECOND           -- a step of priority is worth so long a wait
local CALLER_STAYS = 60 * SECOND     -- after its last request
local KEY_STAYS = 3600 * SECOND      -- after its last use
local LONGEST_REST = 24 * 3600 * SECOND
local LOOKS_AGAIN = SECOND           -- whoever waits looks again after that, or after a tenth of its wait
local SLOT_LOOK = 0.05 * SECOND      -- nobody knows when a request ends: the first in line looks so often
local ROUNDING = 1e-6                -- what rounding may take from a token
local KEPT = 2 * 24 * 3600           -- nothing stays for ever: so many seconds after the last request all is gone
local MOST_ENDED = 1000              -- at once

local request = cjson.decode(ARGV[1])
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * SECOND + time[2]
end

local function whole(number)
  return string.format('%.0f', number)
end

-- What ends when -----------------------------------------------------------------------------------------------

local function ends_at(what, moment)
  redis.call('ZADD', ENDS, whole(moment), what)
end

-- A bucket's level; full where nobody has used it for long enough.
local function level_of(name, capacity, rate)
  local level, updated = string.match(redis.call('HGET', STATE, 'b|' .. name) or '', '^(%S+) (%S+)$')
  if not level then return capacity end
  return math.min(capacity, tonumber(level) + math.max(0, now - tonumber(updated)) / SECOND * rate)
end

local function set_level(name, capacity, rate, level)
  level = math.min(level, capacity)
  redis.call('HSET', STATE, 'b|' .. name, string.format('%.17g %.0f', level, now))
  ends_at('b|' .. name, now + math.ceil((capacity - level) / rate * SECOND) + SECOND)
end

-- A key: requests in flight, its last use, until when it rests, and why.
local function key_of(name)
  local record = redis.call('HGET', STATE, 'k|' .. name) or ''
  local busy, used, rest, why = string.match(record, '^(%S+) (%S+) (%S+) (%S+)$')
  return { name = name, busy = tonumber(busy or 0), used = tonumber(used or 0), rest = tonumber(rest or 0), why = why or '-' }
end

local function set_key(key)
  redis.call('HSET', STATE, 'k|' .. key.name, string.format('%.0f %.0f %.0f %s', key.busy, key.used, key.rest, key.why))
  ends_at('k|' .. key.name, math.max(key.rest, now) + KEY_STAYS)
end

-- Refused or out of credit, rather than limited for a while.
local function is_refused(key)
  return key.why == 'exhausted' or key.why == 'dead'
end

-- A lease is its own record: `l|number|key|pool`.
local function parts_of(lease)
  local key, pool = string.match(lease, '^l|%d+|([^|]*)|(.*)$')
  return key, pool
end

local function count(lease, by)
  local name, pool = parts_of(lease)
  local key = key_of(name)
  key.busy = math.max(0, key.busy + by)
  set_key(key)
  if redis.call('HINCRBY', STATE, 'p|' .. pool, by) <= 0 then redis.call('HDEL', STATE, 'p|' .. pool) end
end

local function end_key(what)
  local key = key_of(string.sub(what, 3))
  if key.busy > 0 then return set_key(key) end
  redis.call('HDEL', STATE, what)
  redis.call('ZREM', ENDS, what)
end

-- Lets go of what has ended, the oldest first.
local function reap()
  for _, what in ipairs(redis.call('ZRANGEBYSCORE', ENDS, '-inf', whole(now), 'LIMIT', 0, MOST_ENDED)) do
    local kind = string.sub(what, 1, 1)
    if kind == 'k' then
      end_key(what)
    else
      redis.call('ZREM', ENDS, what)
      if kind == 'l' then count(what, -1) end
      if kind == 'w' then redis.call('ZREM', LINES, string.sub(what, 3)) end
      if kind == 'b' then redis.call('HDEL', STATE, what) end
    end
  end
  redis.call('ZREMRANGEBYSCORE', CALLERS, '-inf', whole(now))
end

-- Lines --------------------------------------------------------------------------------------------------------

-- A ticket is `line|rank and number`, in digits that sort as they count.
local function rank_of(ticket)
  local rank = string.match(ticket or '', '|(%d+)$')
  if rank then return rank end
  local number = redis.call('HINCRBY', STATE, '#', 1)
  return string.format('%016.0f%010.0f', now - (request.priority or 0) * AGEING, number % 1e10)
end

local function leave(ticket)
  redis.call('ZREM', LINES, ticket)
  redis.call('ZREM', ENDS, 'w|' .. ticket)
end

-- How many stand before this rank.
local function ahead_of(line, rank)
  return redis.call('ZLEXCOUNT', LINES, '[' .. line .. '|', '(' .. line .. '|' .. rank)
end

-- Stands in a line, if the wait is worth beginning.
local function wait(line, rank, length, reason, why)
  length = math.ceil(length)
  local look = math.min(length, math.max(LOOKS_AGAIN, math.ceil(length / 10)))
  local answer = { wait = length / SECOND, look = look / SECOND, reason = reason, why = why }
  if request.patience and answer.wait > request.patience then return answer end
  local ticket = line .. '|' .. rank
  redis.call('ZADD', LINES, 0, ticket)
  ends_at('w|' .. ticket, now + look + GRACE)
  answer.ticket = ticket
  return answer
end

-- Asking -------------------------------------------------------------------------------------------------------

-- Whether a bucket has enough for this rank, or what the answer is. Of permits everybody takes one; of LLM tokens
-- nobody knows what those ahead want, so that nobody passes them.
local function blocked(limit, rank, reason)
  local name, capacity, rate, amount = unpack(limit)
  local level, ahead = level_of(name, capacity, rate), ahead_of(name, rank)
  local need = amount == 1 and ahead + 1 or amount
  if level + ROUNDING >= need and (amount == 1 or ahead == 0) then return nil end
  return wait(name, rank, math.max((need - level) / rate * SECOND, ahead > 0 and SLOT_LOOK or 1), reason)
end

-- When a key may be used, as far as that is known.
local function ready_at(key)
  local moment = key.rest
  for _, limit in ipairs(request.key_limits or {}) do
    local name, capacity, rate, amount = unpack(limit)
    local missing = amount - level_of(name .. ':' .. key.name, capacity, rate)
    if missing > ROUNDING then moment = math.max(moment, now + math.ceil(missing / rate * SECOND)) end
  end
  return moment
end

-- The least loaded key, of those the one used longest ago; how many slots are free on all together, `nil` while all
-- keys rest; and when the first of them will be ready, and why it is not.
local function look_at_keys()
  local best, free, first, cooling, why = nil, nil, nil, false, nil
  for _, name in ipairs(request.keys) do
    local key = key_of(name)
    local moment = ready_at(key)
    if moment > now then
      first = math.min(first or moment, moment)
      cooling = cooling or not (is_refused(key) and key.rest > now)
      if why ~= 'exhausted' and key.why ~= '-' then why = key.why end
    else
      -- One call at a time tests a key that was refused.
      local most = is_refused(key) and 1 or request.per_key
      local room = most and math.max(0, most - key.busy) or math.huge
      free = (free or 0) + room
      local is_better = not best or key.busy < best.busy or (key.busy == best.busy and key.used < best.used)
      if room > 0 and is_better then best = key end
    end
  end
  if free and request.per_pool then
    free = math.min(free, request.per_pool - tonumber(redis.call('HGET', STATE, 'p|' .. request.pool) or 0))
  end
  return best, free, first, cooling and 'cooling' or why or 'cooling'
end

local function take(limits, suffix)
  for _, limit in ipairs(limits or {}) do
    local name, capacity, rate, amount = unpack(limit)
    name = name .. suffix
    set_level(name, capacity, rate, level_of(name, capacity, rate) - amount)
  end
end

local function grant(key)
  take(request.limits, '')
  take(request.key_limits, ':' .. key.name)
  local number = redis.call('HINCRBY', STATE, '#', 1)
  local lease = 'l|' .. whole(number) .. '|' .. key.name .. '|' .. request.pool
  key.busy, key.used = key.busy + 1, number
  set_key(key)
  redis.call('HINCRBY', STATE, 'p|' .. request.pool, 1)
  ends_at(lease, now + request.ttl * SECOND)
  return { key = key.name, lease = lease }
end

local function ask()
  local rank = rank_of(request.ticket)
  if request.ticket then leave(request.ticket) end
  take(request.spent, '')
  for place, limit in ipairs(request.limits) do
    local answer = blocked(limit, rank, place == 1 and 'token' or 'budget')
    if answer then return answer end
  end
  local best, free, first, why = look_at_keys()
  local line = 's:' .. request.pool
  if not free then return wait(line, rank, first - now, 'key', why) end
  local ahead = ahead_of(line, rank)
  if not best or free <= ahead then
    return wait(line, rank, SLOT_LOOK * (ahead - math.min(free, ahead) + 1), 'concurrency')
  end
  return grant(best)
end

-- Everything else ----------------------------------------------------------------------------------------------

-- Rests, unless something that weighs more is held against the key.
local function rest(name, seconds, why)
  local key = key_of(name)
  local moment = now + math.min(math.ceil(seconds * SECOND), LONGEST_REST)
  if why == 'cooling' and is_refused(key) and key.rest > now then return end
  if why == key.why then moment = math.max(moment, key.rest) end
  key.rest, key.why = moment, why
  set_key(key)
end

-- Its key has answered: only a test made after a refusal lifts it, not an answer that was under way before.
local function works(name)
  local key = key_of(name)
  if key.why == '-' or key.rest > now then return end
  key.rest, key.why = 0, '-'
  set_key(key)
end

local function release()
  local name = parts_of(request.lease)
  if redis.call('ZREM', ENDS, request.lease) == 1 then count(request.lease, -1) end
  if request.works then works(name) end
  if request.rest then rest(name, request.rest, request.why) end
  take(request.limits, '')
  take(request.key_limits, ':' .. name)
  return {}
end

-- A lease that has run out while its holder could not be heard is taken up again.
local function renew()
  for _, lease in ipairs(request.leases) do
    if not redis.call('ZSCORE', ENDS, lease) then count(lease, 1) end
    ends_at(lease, now + request.ttl * SECOND)
  end
  return {}
end

local OPERATIONS = {
  ask = ask,
  release = release,
  renew = renew,
  rest = function()
    rest(request.key, request.rest, request.why)
    return {}
  end,
  -- What was set aside is told for what it was: given back, or owed.
  settle = function()
    take(request.limits, '')
    take(request.key_limits, ':' .. request.key)
    return {}
  end,
  leave = function()
    if request.ticket then leave(request.ticket) end
    if request.caller then redis.call('ZREM', CALLERS, request.caller) end
    return {}
  end,
}

reap()
if request.caller and request.op ~= 'leave' then redis.call('ZADD', CALLERS, whole(now + CALLER_STAYS), request.caller) end
local answer = OPERATIONS[request.op]()
answer.processes = redis.call('ZCARD', CALLERS)
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, KEPT) end
return cjson.encode(answer)
