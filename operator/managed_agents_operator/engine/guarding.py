"""Finalizer and claim: written in one patch before anything is done outside, taken away when nothing is left there.

Used by the reconciler for the verdicts Guard and Release.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from managed_agents_operator.api.session import CLAIM_ANNOTATION, FINALIZER, Session
from managed_agents_operator.engine.cell import Cell, Clock
from managed_agents_operator.engine.errors import ClusterUnreachable, WriteRefused
from managed_agents_operator.engine.learning import guarded
from managed_agents_operator.engine.ports import Writer
from managed_agents_operator.engine.telling import Scribe
from managed_agents_operator.engine.verdict import Guard, Release
from managed_agents_operator.engine.view import View


class Guardian:
    """Writes what stands between a resource and the outside. `permit_life` is in seconds of the boot clock."""

    def __init__(self, writer: Writer, scribe: Scribe, clock: Clock, permit_life: float) -> None:
        self._writer = writer
        self._scribe = scribe
        self._clock = clock
        self._permit_life = permit_life

    async def guard(self, cell: Cell, view: View, verdict: Guard) -> None:
        """One metadata patch. Its answer is the permit, if the verdict has a token; it runs from before the patch.

        Raises what the writer raises, a refusal as `ClusterUnreachable`.
        """
        boot = self._clock.boottime()
        finalizers = [*view.resource.metadata.finalizers, *([] if view.guarded else [FINALIZER])]
        patch = {"metadata": {"finalizers": finalizers, "annotations": {CLAIM_ANNOTATION: verdict.claim.text}}}
        await self._patch(cell, patch)
        answer = Session.parse(cell.body)
        meta = answer.metadata
        if meta.annotations.get(CLAIM_ANNOTATION) != verdict.claim.text or FINALIZER not in meta.finalizers:
            raise ClusterUnreachable("finalizer and claim were written, and something took them away at once")
        cell.memory = guarded(cell.memory, verdict, answer, boot, self._permit_life)

    async def release(self, cell: Cell, view: View, verdict: Release) -> None:
        """Take our finalizer away; others stay."""
        if verdict.note:
            self._scribe.released(view, verdict)
        finalizers = [f for f in view.resource.metadata.finalizers if f != FINALIZER]
        await self._patch(cell, {"metadata": {"finalizers": finalizers or None}})

    async def _patch(self, cell: Cell, patch: Mapping[str, Any]) -> None:
        version = cell.resource_version
        try:
            cell.body = await self._writer.patch_object(cell.namespace, cell.name, patch, resource_version=version)
        except WriteRefused as error:
            self._scribe.refused(cell, error)
            raise ClusterUnreachable(str(error)) from error
