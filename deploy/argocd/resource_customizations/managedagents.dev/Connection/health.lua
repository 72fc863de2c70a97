-- Health of a Connection or ClusterConnection. What stands in argocd-cm has Lua's base and table functions only: no
-- string, no math.
--
-- Healthy: the API answers to the key. Progressing: no answer yet, or an outage. Degraded: calls are refused until a
-- person mends what the message names.

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

local ready = conditions.Ready

if metadata.deletionTimestamp ~= nil then
  if ready ~= nil and ready.reason == "Deleting" then
    return health("Progressing", ready)
  end
  return health("Progressing", { reason = "Deleting", message = "it goes once no Session uses it" })
end

local generation = tonumber(metadata.generation)
local observed = tonumber(status.observedGeneration)
if ready == nil or (generation ~= nil and observed ~= nil and observed ~= generation) then
  return { status = "Progressing", message = "the operator has not looked at this spec yet" }
end

if ready.status == "True" then
  return health("Healthy", ready)
end
if is_true("Stalled") then
  return health("Degraded", conditions.Stalled)
end
return health("Progressing", ready)
