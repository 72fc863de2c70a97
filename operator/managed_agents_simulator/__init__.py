"""A wire-faithful stand-in for the Claude Managed Agents API, for tests, demos and work without a key."""
