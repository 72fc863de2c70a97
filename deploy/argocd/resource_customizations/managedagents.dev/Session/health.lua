-- Health of a Session. What stands in argocd-cm has Lua's base and table functions only: no string, no math.
--
-- Healthy: as the spec asks. Progressing: the operator is at it, or waits for something that comes. Suspended: it goes on
-- when a person says so. Degraded: nothing more happens until a person mends what the message names.

-- Reasons of a True Ready with which the session goes on only when somebody does something.
local paused = { ActionRequired = true, BudgetReached = true }
local gave_up = { RetriesExhausted = true, Refused = true }
-- Reasons of a False Ready with which the session is over.
local over = { ArchivedOutside = true, Terminated = true }

local function table_of(value)
  if type(value) == "table" then
    return value
  end
  return {}
end

local metadata = table_of(obj.metadata)
local status = table_of(obj.status)
local conditions = {}
for _, condition in ipairs(table_of(status.conditions)) do
  if type(condition) == "table" and condition.type ~= nil then
    conditions[condition.type] = condition
  end
end

local function is_true(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

local function health(state, condition)
  local reason = tostring(condition.reason or "")
  local message = tostring(condition.message or "")
  if reason ~= "" and message ~= "" then
    message = reason .. ": " .. message
  elseif message == "" then
    message = reason
  end
  return { status = state, message = message }
end

-- The turn of the initial events ended well, and none after it was under way.
local function finished_well()
  return is_true("Finished") and conditions.Finished.reason == "EndTurn" and status.stopReason == "end_turn"
end

local ready = conditions.Ready

if metadata.deletionTimestamp ~= nil then
  if ready ~= nil and ready.reason == "Deleting" then
    return health("Progressing", ready)
  end
  return health("Progressing", { reason = "Deleting", message = "the session is being ended" })
end

local generation = tonumber(metadata.generation)
local observed = tonumber(status.observedGeneration)
if ready == nil or (generation ~= nil and observed ~= nil and observed ~= generation) then
  return { status = "Progressing", message = "the operator has not looked at this spec yet" }
end

if ready.reason == "Suspended" then
  return health("Suspended", ready)
end

if ready.status == "True" then
  -- Ready, but not as the spec says: the condition that kstatus reads tells which way that goes.
  if is_true("Stalled") then
    return health("Degraded", conditions.Stalled)
  end
  if gave_up[ready.reason] then
    return health("Degraded", ready)
  end
  if paused[ready.reason] then
    return health("Suspended", ready)
  end
  if is_true("Reconciling") then
    return health("Progressing", conditions.Reconciling)
  end
  return health("Healthy", ready)
end

if over[ready.reason] and finished_well() then
  return health("Healthy", { reason = "EndTurn", message = "the session did its work before it ended" })
end
if is_true("Stalled") then
  return health("Degraded", conditions.Stalled)
end
-- It names what is waited for, which Ready does not.
return health("Progressing", is_true("Reconciling") and conditions.Reconciling or ready)
