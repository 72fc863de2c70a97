"""A wire-faithful stand-in for the HTTP API of Claude Managed Agents, for tests, demos and development.

Run it with `managed-agents-simulator`, serve it in-process with `Simulator`, steer it with `control.Control`. It
imports nothing of the operator.
"""

from managed_agents_simulator.service import Simulator

__all__ = ["Simulator"]
