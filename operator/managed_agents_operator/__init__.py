"""A Kubernetes operator for sessions of the Claude Managed Agents API."""
