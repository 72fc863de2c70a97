"""Builds all that is in the toolbox; says nothing where it is there."""

from tests.toolbox.tools import MODULES

from managed_agents_local.progress import Teller

for module in MODULES:
    module.built(Teller())
