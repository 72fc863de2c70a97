"""A resource's turn in the call budget: asked for once, waited for without holding anybody up, given back if unused.

Used by the reconciler before each call.
"""

from __future__ import annotations

from collections.abc import Callable

from managed_agents_operator.engine.cell import Cell
from managed_agents_operator.engine.external import External
from managed_agents_operator.engine.view import View


class Turns:
    """Tickets for the cells that want to call. `ring` wakes a resource by uid when its turn has come."""

    def __init__(self, kind: External, ring: Callable[[str], None]) -> None:
        self._kind = kind
        self._ring = ring

    def admits(self, cell: Cell, view: View, *, creates: bool = False, look: bool = False) -> bool:
        """Whether the next call may be made now; if not, the resource waits in the budget and is rung."""
        if cell.paid and not creates:
            self._kind.take(creates=False)
            return True
        uid = cell.uid
        if creates not in cell.tickets:
            ticket = self._kind.ticket(view.resource, creates=creates, look=look, ring=lambda: self._ring(uid))
            cell.tickets[creates] = ticket
        if not cell.tickets[creates].granted:
            return False
        del cell.tickets[creates]
        cell.paid = cell.paid or not creates
        return True

    def drop(self, cell: Cell) -> None:
        """Nothing is to be called: whatever was asked for or granted goes back."""
        for ticket in cell.tickets.values():
            ticket.give_back()
        cell.tickets.clear()
