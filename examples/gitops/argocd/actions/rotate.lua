-- Any string that was not there before makes a new key, which signs once every relying party can know it.
local os = require("os")
if obj.spec.rotation == nil then
  obj.spec.rotation = {}
end
obj.spec.rotation.trigger = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
