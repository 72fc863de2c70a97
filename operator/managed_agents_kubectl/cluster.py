"""The person's own way to the cluster: what they may read and make there, and what to say where they may not.

Used by the commands; requests are those of `kube.access`. Every refusal comes out as a `Failed` that names the object.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from managed_agents_kubectl.scope import Failed, Scope
from managed_agents_operator.api.session import GROUP, PLURAL, VERSION
from managed_agents_operator.engine.errors import ClusterError, ObjectGone
from managed_agents_operator.kube.access import Cluster, object_path
from managed_agents_operator.kube.answers import Forbidden
from managed_agents_operator.kube.contexts import DEFAULT_NAMESPACE, contexts, kubeconfig, pod_namespace
from managed_agents_operator.settings import WrongSettings

OURS = (GROUP, VERSION)
CORE = ("", "v1")
Object = dict[str, Any]


class Refused(Failed):
    """The person has no right to it."""


class Missing(Failed):
    """It is not there."""


class Kubernetes:
    """Reads and makes objects by the rights of whoever runs this. `namespace` is where names without one are."""

    def __init__(self, cluster: Cluster, namespace: str, seconds: float | None) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self._seconds = seconds

    def within(self, namespace: str) -> Kubernetes:
        """The same with another namespace."""
        return Kubernetes(self.cluster, namespace, self._seconds)

    async def session(self, name: str) -> Object:
        """One Session."""
        return await self.get(OURS, PLURAL, self.namespace, name, what="Session")

    async def sessions(self, namespace: str | None) -> list[Object]:
        """All Sessions of a namespace, or of all of them for None."""
        return await self.listed(OURS, PLURAL, what="Session", namespace=namespace)

    async def get(self, group: tuple[str, str], plural: str, namespace: str | None, name: str, *, what: str) -> Object:
        """One object. Raises `Missing`, `Refused` and `Failed`, which call it `what`."""
        told = f"{what} {namespace}/{name}" if namespace else f"{what} {name}"
        path = _path(*group, plural, namespace, name)
        return await self._ask("GET", path, f"get {told}", missing=f"{told} is not there")

    async def listed(
        self, group: tuple[str, str], plural: str, *, what: str, namespace: str | None = None
    ) -> list[Object]:
        """All objects of a kind, of a namespace or of all of them."""
        where = "all namespaces" if namespace is None else f"namespace {namespace}"
        return await self._listed(_path(*group, plural, namespace), f"list {what}s of {where}")

    async def events(self, namespace: str, uid: str) -> list[Object]:
        """The Events about one object, in no order."""
        path = _path(*CORE, "events", namespace)
        fields = {"fieldSelector": f"involvedObject.uid={uid}"}
        answer = await self._ask("GET", path, f"list Events of namespace {namespace}", params=fields)
        items: list[Object] = answer["items"]
        return items

    async def deployments(self, namespace: str, labels: str) -> list[Object]:
        """The Deployments of a namespace with these labels."""
        path = _path("apps", "v1", "deployments", namespace)
        told = f"list Deployments of namespace {namespace}"
        answer = await self._ask("GET", path, told, params={"labelSelector": labels})
        items: list[Object] = answer["items"]
        return items

    async def create(self, body: Mapping[str, Any]) -> Object:
        """Make a Session where its metadata says."""
        meta = body["metadata"]
        path = _path(*OURS, PLURAL, meta["namespace"])
        told = f"create Session {meta['namespace']}/{meta['name']}"
        return await self._ask("POST", path, told, body=body)

    async def _listed(self, path: str, told: str) -> list[Object]:
        found: list[Object] = []
        more = ""
        while True:
            page = await self._ask("GET", path, told, params={"limit": "500", "continue": more})
            found += page["items"]
            if not (more := page["metadata"].get("continue", "")):
                return found

    async def _ask(
        self,
        method: str,
        path: str,
        told: str,
        *,
        missing: str | None = None,
        params: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Object:
        try:
            async with asyncio.timeout(self._seconds):
                return await self.cluster.call(method, path, params=params, body=body)
        except Forbidden:
            raise Refused(f"you may not {told}") from None
        except ObjectGone as error:
            raise Missing(missing or f"can't {told}: {error}") from None
        except TimeoutError:
            raise Failed(f"can't {told}: no answer from the API server in time") from None
        except ClusterError as error:
            raise Failed(f"can't {told}: {error}") from None


@asynccontextmanager
async def opened(scope: Scope) -> AsyncIterator[Kubernetes]:
    """The cluster that the flags and the kubeconfig name. Raises `Failed`."""
    files = kubeconfig(scope.kubeconfig)
    try:
        cluster = await Cluster.connect(files, context=scope.context, connections=4)
        namespace = scope.namespace or _namespace(files, scope.context)
    except WrongSettings as error:
        raise Failed(str(error)) from None
    async with cluster:
        yield Kubernetes(cluster, namespace, scope.request_timeout)


def _path(group: str, version: str, plural: str, namespace: str | None, name: str | None = None) -> str:
    try:
        return object_path(group, version, plural, namespace, name)
    except ObjectGone as error:
        raise Missing(str(error)) from None


def _namespace(files: str | None, context: str | None) -> str:
    if files is None:
        return pod_namespace()
    known, current = contexts(files)
    return known.get(context or current or "", DEFAULT_NAMESPACE)
