"""Sessions: what they are, how they live in time, and what clients may do to them.

`session` holds the state, `script` and `acts` say what happens in a turn and when, `life` drives it; the remaining
modules are the endpoints, one per concern.
"""
