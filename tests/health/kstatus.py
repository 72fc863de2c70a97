"""What kstatus makes of objects: the library that Flux, Config Sync and `kubectl` plugins wait by, asked as it is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from tests.toolbox.tools import tool


def kstatus(objects: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Status and message of each object, in their order, by one run of the program."""
    done = subprocess.run(
        [tool("kstatus")], input=json.dumps(list(objects)), capture_output=True, text=True, check=True
    )
    return [(one["status"], one["message"]) for one in json.loads(done.stdout)]
