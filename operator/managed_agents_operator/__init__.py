"""A Kubernetes operator for sessions of the Claude Managed Agents API."""

__version__ = "0.1.0"
