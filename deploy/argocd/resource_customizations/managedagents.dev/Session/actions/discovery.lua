-- What a person may ask for with a click: a fresh look, past all pauses and caches. All else is an edit of the spec, and
-- belongs into Git.
local actions = {}
local going = obj.metadata.deletionTimestamp ~= nil
actions["reconcile"] = { ["disabled"] = going }
return actions
