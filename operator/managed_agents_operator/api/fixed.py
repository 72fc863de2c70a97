"""What can't be changed once a session exists, as CEL rules of the whole object. Used by `session.Session` alone.

They stand at the root because they bind only from the moment status.id is there: until then everything may be mended.
What of the spec goes into the digest of a session is `session.immutable_part`.
"""

from __future__ import annotations

from managed_agents_operator.api.schema import Rule

LIVE = "has(oldSelf.status) && has(oldSelf.status.id)"
STARTED = "has(oldSelf.status) && has(oldSelf.status.kickoff) && has(oldSelf.status.kickoff.sentAt)"
REMEDY = "put it back or make another Session"


def when(condition: str, rule: str, field: str, message: str) -> Rule:
    """`rule` must hold for spec.`field` of any object for which `condition` held before the change."""
    return Rule(f"!({condition}) || ({rule})", message, f".spec.{field}", "FieldValueForbidden")


def same(field: str, new: str = "self.spec", old: str = "oldSelf.spec") -> str:
    """Both without it, or both with it and equal. `new.?f == old.?f` is shorter, but its cost counts as unbounded."""
    a, b = f"{new}.{field}", f"{old}.{field}"
    return f"(has({a}) ? has({b}) && {a} == {b} : !has({b}))"


def _agent() -> Rule:
    return when(
        LIVE,
        "self.spec.agent.id == oldSelf.spec.agent.id && " + same("version", "self.spec.agent", "oldSelf.spec.agent"),
        "agent",
        f"agent (id and version) is fixed for the life of a session: {REMEDY}",
    )


def _overrides() -> Rule:
    new, old, fields = "self.spec.agent.overrides", "oldSelf.spec.agent.overrides", ("model", "system", "skills")
    both = " && ".join(same(f, new, old) for f in fields)
    only_new = " && ".join(f"!has({new}.{f})" for f in fields)
    only_old = " && ".join(f"!has({old}.{f})" for f in fields)
    return when(
        LIVE,
        f"has({new}) ? (has({old}) ? {both} : {only_new}) : (!has({old}) || ({only_old}))",
        "agent.overrides",
        f"agent.overrides (model, system, skills) is fixed for the life of a session: {REMEDY}",
    )


def _budget_added() -> Rule:
    return when(
        LIVE,
        "has(oldSelf.spec.budget) || !has(self.spec.budget)",
        "budget",
        "budget can only be given before the session exists: remove it or make another Session",
    )


def _budget_lifted() -> Rule:
    return when(
        LIVE,
        "!has(oldSelf.spec.budget) || !has(oldSelf.spec.budget.removed)"
        " || (has(self.spec.budget) && has(self.spec.budget.removed))",
        "budget",
        "budget was removed for good: put removed: true back or make another Session",
    )


def _budget_lowered() -> Rule:
    new, old = (f"string({side}.spec.budget.maxListCost.amount)" for side in ("self", "oldSelf"))
    # Amounts have no leading zeros, so the longer one is the larger; a conversion could fail and hide the message.
    return when(
        f"{LIVE} && has(oldSelf.spec.budget) && has(oldSelf.spec.budget.maxListCost)"
        " && has(self.spec.budget) && has(self.spec.budget.maxListCost)",
        f"{new}.size() > {old}.size() || ({new}.size() == {old}.size() && {new} >= {old})",
        "budget",
        "budget can't fall: put maxListCost.amount back, raise it, or set removed: true instead",
    )


FIXED = (
    _agent(),
    _overrides(),
    when(
        LIVE,
        "self.spec.environment == oldSelf.spec.environment",
        "environment",
        f"environment is fixed for the life of a session: {REMEDY}",
    ),
    when(
        LIVE,
        "self.spec.vaults == oldSelf.spec.vaults",
        "vaults",
        "vaults, and their order, are fixed for the life of a session: put them back or make another Session",
    ),
    when(
        LIVE,
        "self.spec.resources == oldSelf.spec.resources",
        "resources",
        "resources are fixed for the life of a session: put them back or make another Session",
    ),
    when(
        STARTED,
        "self.spec.initialEvents == oldSelf.spec.initialEvents",
        "initialEvents",
        "initialEvents were sent and are fixed: put them back; to say more, send an event to the session or make"
        " another Session",
    ),
    _budget_added(),
    _budget_lifted(),
    _budget_lowered(),
)
