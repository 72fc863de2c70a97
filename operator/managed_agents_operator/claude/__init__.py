"""The Managed Agents HTTP API, and nothing else: what can be called, what came back, and how often we may call.

Used by the kinds and joined with keys and settings by the app. What an answer means for a resource is decided above.
"""
