"""What is true of every request, whatever it asks for: transport, admission, errors, paging, faults, the request log.

Nothing in here knows what a session or an agent is.
"""
