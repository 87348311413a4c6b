-- How is a Workspace, a Client or a SigningKey? They summarise themselves: Ready, Reconciling, Stalled.
local health = { status = "Progressing", message = "the operator has not seen it yet" }

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "it is being deleted"
  return health
end

local status = obj.status
if status == nil or status.conditions == nil then
  return health
end
-- What is said of an older generation says nothing of this one.
if status.observedGeneration == nil or status.observedGeneration < obj.metadata.generation then
  health.message = "the operator has not seen this generation yet"
  return health
end

local conditions = {}
for _, condition in ipairs(status.conditions) do
  conditions[condition.type] = condition
end
local function is(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

if is("Stalled") then
  health.status = "Degraded"
  health.message = conditions.Stalled.reason .. ": " .. conditions.Stalled.message
elseif is("Suspended") then
  health.status = "Suspended"
  health.message = conditions.Suspended.message
elseif is("Ready") then
  health.status = "Healthy"
  health.message = conditions.Ready.message
elseif conditions.Ready ~= nil then
  health.message = conditions.Ready.reason .. ": " .. conditions.Ready.message
end
return health
