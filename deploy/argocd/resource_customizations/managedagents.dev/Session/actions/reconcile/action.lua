-- Any new value is a wish for a fresh look; status.lastHandledReconcileAt echoes it once it was had.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["managedagents.dev/reconcile-requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
