"""The tokens of private repositories: read from their Secrets when they are used, and kept nowhere.

Used by the session kind, before a claim and again right before a creation.
"""

from __future__ import annotations

from managed_agents_operator.api.session import Session
from managed_agents_operator.engine.errors import ClusterUnreachable, Consequence, Failure
from managed_agents_operator.engine.ports import SecretMissing, Secrets

UNREAD = "a Secret of spec.resources can't be read now: the cluster does not answer"


async def read(secrets: Secrets, resource: Session) -> dict[str, str]:
    """Token by name of the mount. Raises `SecretMissing`, `ClusterUnreachable`."""
    found = {}
    namespace = resource.metadata.namespace
    for mount in resource.spec.resources:
        ref = mount.github_repository and mount.github_repository.authorization_token_secret_ref
        if ref:
            # A file made with an editor ends in a line break, a token never does.
            token = (await secrets.read(namespace, ref.name, ref.key)).value.strip()
            if not token:
                raise SecretMissing(namespace, ref.name, ref.key, "is empty")
            found[mount.name] = token
    return found


async def read_now(secrets: Secrets, resource: Session) -> dict[str, str] | Failure:
    """The same as an answer: without its tokens a creation is surely not sent."""
    try:
        return await read(secrets, resource)
    except SecretMissing as error:
        return Failure(Consequence.LATER, "SecretMissing", _remedy(error))
    except ClusterUnreachable:
        return Failure(Consequence.LATER, "SecretMissing", UNREAD)


async def missing(secrets: Secrets, resource: Session) -> str:
    """What is not there yet, in words; empty if all is. Raises `ClusterUnreachable`."""
    try:
        await read(secrets, resource)
    except SecretMissing as error:
        return _remedy(error)
    return ""


def _remedy(error: SecretMissing) -> str:
    return f"{error}: create it, nothing else is needed"
