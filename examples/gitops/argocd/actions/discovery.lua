-- What may be done with a Workspace or a SigningKey from Argo CD's menu.
local actions = {}
local suspended = obj.spec.suspend == true
actions["suspend"] = { ["disabled"] = suspended }
actions["resume"] = { ["disabled"] = not suspended }
if obj.kind == "SigningKey" then
  actions["rotate"] = { ["disabled"] = suspended }
end
return actions
