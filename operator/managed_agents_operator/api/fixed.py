"""What can't be changed once a session exists, as CEL rules of the whole object. Used by `session.Session` alone.

They stand at the root because they bind only from the moment status.id is there: until then everything may be mended.
With `onImmutableChange: Replace` most of it may be edited, and the operator makes another session; which edits ask for
one is `session.immutable_part`.
"""

from __future__ import annotations

from managed_agents_operator.api.schema import Rule

LIVE = "has(oldSelf.status) && has(oldSelf.status.id)"
STARTED = "has(oldSelf.status) && has(oldSelf.status.kickoff) && has(oldSelf.status.kickoff.sentAt)"
REJECT = "self.spec.onImmutableChange != 'Replace'"
ELSE = "make another Session, or set spec.onImmutableChange: Replace to archive this session and start a new one"
REMEDY = f"fixed for the life of a session: put it back, {ELSE}"


def when(condition: str, rule: str, field: str, message: str) -> Rule:
    """`rule` must hold for spec.`field` of any object for which `condition` held before the change."""
    return Rule(f"!({condition}) || ({rule})", message, f".spec.{field}", "FieldValueForbidden")


def fixed(rule: str, field: str, message: str, since: str = LIVE) -> Rule:
    """`rule` must hold for spec.`field` from `since` on, unless a new session may take the place of this one."""
    return when(f"{REJECT} && {since}", rule, field, message)


def same(*fields: str, new: str = "self.spec", old: str = "oldSelf.spec") -> str:
    """Both without it, or both with it and equal. `new.?f == old.?f` is shorter, but its cost counts as unbounded."""
    return " && ".join(f"(has({new}.{f}) ? has({old}.{f}) && {new}.{f} == {old}.{f} : !has({old}.{f}))" for f in fields)


def _agent() -> Rule:
    new, old = "self.spec.agent", "oldSelf.spec.agent"
    return fixed(
        f"has({new}) ? has({old}) && {same('id', 'version', new=new, old=old)} : !has({old})",
        "agent",
        f"agent (id and version) is {REMEDY}",
    )


def _overrides() -> Rule:
    new, old, fields = "self.spec.agent.overrides", "oldSelf.spec.agent.overrides", ("model", "system", "skills")
    both = same(*fields, new=new, old=old)
    only_new = " && ".join(f"!has({new}.{f})" for f in fields)
    only_old = " && ".join(f"!has({old}.{f})" for f in fields)
    # An agent that came or went is told by the rule above.
    return fixed(
        "!has(self.spec.agent) || !has(oldSelf.spec.agent)"
        f" || (has({new}) ? (has({old}) ? {both} : {only_new}) : (!has({old}) || ({only_old})))",
        "agent.overrides",
        f"agent.overrides (model, system, skills) is {REMEDY}",
    )


def _connection() -> Rule:
    new, was = "self.spec.connectionRef", "oldSelf.status.connectionRef"
    # What status says may always be written out: it is where the session is, and where one for it would be made.
    said = f"has({new}) && has({was}) && {new}.kind == {was}.kind && {new}.name == {was}.name"
    return when(
        LIVE,
        f"({same('connectionRef')}) || ({said})",
        "connectionRef",
        "connectionRef is fixed for the life of a session and of those that replace it: put it back, write what"
        " status.connectionRef says, or make another Session",
    )


# Resources by their names, in one pass (API servers since 1.34): with a loop in a loop 190 of them would be the most.
_BY_NAME = "[{0}.spec.resources.transformMapEntry(i, r, {{r.name: r}})]"


def _mounts_kept() -> Rule:
    now = "now[o.name]"
    repository = same("url", "checkout", "mountPath", new=f"{now}.githubRepository", old="o.githubRepository")
    kept = (
        f"o.name in now && (has(o.memoryStore) ? has({now}.memoryStore) && {now}.memoryStore == o.memoryStore"
        f" : has({now}.githubRepository) && {repository})"
    )
    return fixed(
        f"{_BY_NAME.format('self')}.all(now, oldSelf.spec.resources.all(o, has(o.file) || ({kept})))",
        "resources",
        "resources that are repositories (but for their tokens) or memory stores are fixed for the life of a session:"
        f" put them back, {ELSE}",
    )


def _mounts_added() -> Rule:
    return fixed(
        f"{_BY_NAME.format('oldSelf')}"
        ".all(was, self.spec.resources.all(n, has(n.file) || (n.name in was && !has(was[n.name].file))))",
        "resources",
        "resources that are repositories or memory stores can't be added to a session, only files can: take them out,"
        f" {ELSE}",
    )


def _events() -> Rule:
    return fixed(
        "self.spec.initialEvents == oldSelf.spec.initialEvents",
        "initialEvents",
        "initialEvents were sent and are fixed for the life of a session: put them back; to say more, send an event to"
        f" the session, {ELSE}",
        since=STARTED,
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
    fixed(same("sessionId"), "sessionId", f"sessionId is {REMEDY}"),
    _agent(),
    _overrides(),
    fixed(same("environment"), "environment", f"environment is {REMEDY}"),
    fixed(
        "self.spec.vaults == oldSelf.spec.vaults",
        "vaults",
        f"vaults, and their order, are fixed for the life of a session: put them back, {ELSE}",
    ),
    _connection(),
    _mounts_kept(),
    _mounts_added(),
    _events(),
    _budget_added(),
    _budget_lifted(),
    _budget_lowered(),
    # Final from the moment it is said: the operator may be archiving already.
    when(
        "oldSelf.spec.archived",
        "self.spec.archived",
        "archived",
        "archived can't be taken back: put archived: true back or make another Session",
    ),
)
