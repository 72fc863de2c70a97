"""`kubectl managedagents`: what is wrong with a Session, what it does, and the few things that a person says to it."""
