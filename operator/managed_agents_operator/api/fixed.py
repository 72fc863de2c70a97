"""What can't be changed once a session exists, as CEL rules of the whole object. Used by `session.Session` alone.

They stand at the root because they bind only from the moment status.id is there: until then everything may be mended.
With onImmutableChange Replace most of them bind nobody: what of the spec then makes a new session is
`session.immutable_part`.
"""

from __future__ import annotations

from managed_agents_operator.api.schema import Rule

LIVE = "has(oldSelf.status) && has(oldSelf.status.id)"
STARTED = "has(oldSelf.status) && has(oldSelf.status.kickoff) && has(oldSelf.status.kickoff.sentAt)"
REPLACE = "set spec.onImmutableChange: Replace to archive this session and start a new one"
REMEDY = f"put it back, make another Session, or {REPLACE}"


def when(condition: str, rule: str, field: str, message: str) -> Rule:
    """`rule` must hold for spec.`field` of any object for which `condition` held before the change."""
    return Rule(f"!({condition}) || ({rule})", message, f".spec.{field}", "FieldValueForbidden")


def fixed(condition: str, rule: str, field: str, message: str) -> Rule:
    """The same, but for those who want a new session for what the old one can't be changed to."""
    return when(f"{condition} && self.spec.onImmutableChange != 'Replace'", rule, field, message)


def same(field: str, new: str = "self.spec", old: str = "oldSelf.spec") -> str:
    """Both without it, or both with it and equal. `new.?f == old.?f` is shorter, but its cost counts as unbounded."""
    a, b = f"{new}.{field}", f"{old}.{field}"
    return f"(has({a}) ? has({b}) && {a} == {b} : !has({b}))"


def _agent() -> Rule:
    new, old = "self.spec.agent", "oldSelf.spec.agent"
    return fixed(
        LIVE,
        f"has({new}) ? has({old}) && {new}.id == {old}.id && {same('version', new, old)} : !has({old})",
        "agent",
        f"agent (id and version) is fixed for the life of a session: {REMEDY}",
    )


def _overrides() -> Rule:
    new, old, fields = "self.spec.agent.overrides", "oldSelf.spec.agent.overrides", ("model", "system", "skills")
    both = " && ".join(same(f, new, old) for f in fields)
    only_new = " && ".join(f"!has({new}.{f})" for f in fields)
    only_old = " && ".join(f"!has({old}.{f})" for f in fields)
    return fixed(
        f"{LIVE} && has(self.spec.agent) && has(oldSelf.spec.agent)",
        f"has({new}) ? (has({old}) ? {both} : {only_new}) : (!has({old}) || ({only_old}))",
        "agent.overrides",
        f"agent.overrides (model, system, skills) is fixed for the life of a session: {REMEDY}",
    )


def _by_name(side: str) -> str:
    """Resources by name, in one pass (API servers since 1.34): loops in loops would allow 190 resources only."""
    return f"[{side}.spec.resources.transformMapEntry(i, r, {{r.name: r}})]"


def _kept_mounts() -> Rule:
    new, old = "now[o.name].githubRepository", "o.githubRepository"
    repository = f"has({new}) && {new}.url == {old}.url && " + " && ".join(
        same(field, new, old) for field in ("checkout", "mountPath")
    )
    store = "has(now[o.name].memoryStore) && now[o.name].memoryStore == o.memoryStore"
    kept = f"has(o.file) || (o.name in now && (has(o.memoryStore) ? {store} : {repository}))"
    return fixed(
        LIVE,
        f"{_by_name('self')}.all(now, oldSelf.spec.resources.all(o, {kept}))",
        "resources",
        "resources: repositories (but for their tokens) and memory stores are fixed for the life of a session:"
        f" {REMEDY}",
    )


def _new_mounts() -> Rule:
    known = "has(n.file) || (n.name in was && !has(was[n.name].file))"
    return fixed(
        LIVE,
        f"{_by_name('oldSelf')}.all(was, self.spec.resources.all(n, {known}))",
        "resources",
        "resources: only files can be added to a session that exists, no repository and no memory store: remove it,"
        f" make another Session, or {REPLACE}",
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
    Rule(
        "self.spec.managementPolicy != 'Observe' || has(self.spec.sessionId)"
        " || (has(self.status) && has(self.status.id))",
        "managementPolicy Observe needs a session to look at: set sessionId",
        ".spec.managementPolicy",
        "FieldValueForbidden",
    ),
    _agent(),
    _overrides(),
    fixed(
        LIVE,
        same("environment"),
        "environment",
        f"environment is fixed for the life of a session: {REMEDY}",
    ),
    fixed(
        LIVE,
        "self.spec.vaults == oldSelf.spec.vaults",
        "vaults",
        f"vaults, and their order, are fixed for the life of a session: {REMEDY}",
    ),
    fixed(
        LIVE,
        same("sessionId"),
        "sessionId",
        f"sessionId is fixed for the life of a session: {REMEDY}",
    ),
    _kept_mounts(),
    _new_mounts(),
    when(
        LIVE,
        "!oldSelf.spec.archived || self.spec.archived",
        "archived",
        "archived can't be taken back: put archived: true back or make another Session",
    ),
    fixed(
        STARTED,
        "self.spec.initialEvents == oldSelf.spec.initialEvents",
        "initialEvents",
        "initialEvents were sent and are fixed: put them back; to say more, send an event to the session, make another"
        f" Session, or {REPLACE}",
    ),
    _budget_added(),
    _budget_lifted(),
    _budget_lowered(),
)
