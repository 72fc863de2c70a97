"""What a test leaves in the cluster, taken away: by the API server's own client, since that is no act of a user.

kubectl takes ten times as long, and each test would pay for it.
"""

from __future__ import annotations

import kubernetes

GROUP = ("managedagents.dev", "v1alpha1")
PLURALS = ("sessions", "connections", "clusterconnections")
FREE = {"metadata": {"finalizers": None}}


def remove_resources(stored):
    """No resource of ours is left in any namespace, whatever its finalizers wait for."""
    for plural in PLURALS:
        for body in stored.list_cluster_custom_object(*GROUP, plural)["items"]:
            _remove(stored, plural, body["metadata"])


def remove_values(stored, namespace):
    """No Secret and no ConfigMap is left in the namespace."""
    core = kubernetes.client.CoreV1Api(stored.api_client)
    core.delete_collection_namespaced_secret(namespace)
    core.delete_collection_namespaced_config_map(namespace)


def _remove(stored, plural, meta):
    where, scope = ("cluster", ()) if "namespace" not in meta else ("namespaced", (meta["namespace"],))
    which = (*GROUP, *scope, plural, meta["name"])
    try:
        getattr(stored, f"delete_{where}_custom_object")(*which)
        if meta.get("finalizers"):
            merge = {"_content_type": "application/merge-patch+json"}
            getattr(stored, f"patch_{where}_custom_object")(*which, FREE, **merge)
    except kubernetes.client.ApiException as error:
        # One that has gone meanwhile is no failure.
        if error.status != 404:
            raise
