"""One test's view of the whole world, in words: apply, wait, look at both sides, count.

Used by the end-to-end tests. Waiting is `kubectl wait`; counting reads the API server's audit log and the simulator's
request log and journal, never the operator's word.
"""

from __future__ import annotations

import json
import re
import time

import httpx
import yaml
from tests.e2e.tidying import remove_resources

FAST = {
    "MANAGED_AGENTS_LOG_LEVEL": "debug",
    "MANAGED_AGENTS_FULL_SWEEP_SECONDS": "0.5",
    "MANAGED_AGENTS_HOT_SWEEP_SECONDS": "0.25",
    "MANAGED_AGENTS_STATUS_INTERVAL_SECONDS": "0.5",
    "MANAGED_AGENTS_SEARCH_GRACE_SECONDS": "2",
    "MANAGED_AGENTS_CREATE_TIMEOUT_SECONDS": "2",
    "MANAGED_AGENTS_REQUESTS_PER_MINUTE": "6000",
    "MANAGED_AGENTS_CREATES_PER_MINUTE": "3000",
}
"""Pauses that suit a test; what they mean to each other stays as it is."""
PATIENCE = 40.0
_STEPS = {
    "POST /v1/sessions": "create",
    "POST /v1/sessions/*": "update",
    "DELETE /v1/sessions/*": "delete",
    "POST /v1/sessions/*/archive": "archive",
    "POST /v1/sessions/*/events": "send",
    "POST /v1/sessions/*/resources": "mount",
    "DELETE /v1/sessions/*/resources/*": "unmount",
    "POST /v1/sessions/*/resources/*": "rotate",
    "POST /v1/files": "upload",
    "DELETE /v1/files/*": "discard",
}
_ID = re.compile(r"/(sesn|sesrsc|file)_[^/]+")


class Scene:
    """A `World` with the words that tests are told in. All that is made and read is in one namespace."""

    def __init__(self, world, stored, namespace="default", begun=0, lodging=None):
        """Of the calls those count that came after `begun`; a `lodging` has an operator for many tests."""
        self.world = world
        self._lodging = lodging
        self.namespace = namespace
        self._begun = begun
        self._stored = stored
        self.control = world.control
        self.writes_before = len(world.cluster.audit)

    def within(self, namespace):
        """The same world seen from another namespace."""
        return Scene(self.world, self._stored, namespace, self._begun, self._lodging)

    def anew(self):
        """The same world for another test, which counts from now on."""
        return Scene(self.world, self._stored, begun=self.mark())

    def told(self):
        """The log of the operator, and what was asked of the API."""
        log = self.world.operator_log
        said = log.read_text()[-12_000:] if log.exists() else "(no operator ran)"
        calls = "\n".join(f"{c['method']} {c['path']} {c['status']} {c['body'] or ''}" for c in self.calls()[-60:])
        return f"{said}\n--- calls\n{calls}"

    # the operator

    def start(self, **env):
        """An operator with short pauses runs, started anew unless it is one for many tests."""
        start = self._lodging.start if self._lodging else self.world.start_operator
        return start(FAST | env)

    def kill(self):
        self.world.kill_operator()

    def stop(self):
        return self.world.stop_operator()

    # the cluster

    def clear(self):
        """Take away all that tests made, of our kinds in any namespace."""
        remove_resources(self._stored)

    def kubectl(self, *args, **options):
        return self.world.kubectl(*args, **options).stdout

    def apply(self, *manifests):
        """kubectl apply, as users do."""
        text = "---\n".join(m if isinstance(m, str) else json.dumps(m) + "\n" for m in manifests)
        return self.kubectl("apply", "-f", "-", input=text)

    def refused(self, manifest):
        """What kubectl apply says when the API server does not take it; taking it is a failure of the test."""
        done = self.world.kubectl("apply", "-f", "-", input=json.dumps(manifest), check=False)
        assert done.returncode != 0, f"was accepted: {done.stdout}"
        return done.stderr

    def session(self, name, **spec):
        """The manifest of a Session for the simulator's sample agent and environment."""
        return {
            "apiVersion": "managedagents.dev/v1alpha1",
            "kind": "Session",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"agent": {"id": "agent_sample"}, "environment": {"id": "env_sample"}} | spec,
        }

    def connection(self, name="default", kind="Connection", **spec):
        """The manifest of a Connection to the simulator, whose key is in the Secret `key`."""
        meta = {"name": name} | ({"namespace": self.namespace} if kind == "Connection" else {})
        known = {"baseURL": self.world.simulator.url, "apiKeySecretRef": {"name": "key", "key": "apiKey"}}
        return {"apiVersion": "managedagents.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": known | spec}

    def config_map(self, name, data=None, labels=None, **rest):
        """The manifest of a ConfigMap."""
        meta = {"name": name, "namespace": self.namespace, "labels": labels or {}}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data or {}} | rest

    def secret(self, name, **values):
        """The manifest of a Secret."""
        meta = {"name": name, "namespace": self.namespace}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": values}

    def repository(self, name="repo", secret="gh"):
        """A resource of a Session: a repository with a token in the Secret."""
        token = {"name": secret, "key": "token"}
        return {
            "name": name,
            "githubRepository": {"url": f"https://github.com/o/{name}", "authorizationTokenSecretRef": token},
        }

    def object(self, name):
        """As it is stored. Not by kubectl, which takes a hundred times as long as the question does."""
        return self._stored.get_namespaced_custom_object(
            "managedagents.dev", "v1alpha1", self.namespace, "sessions", name, _request_timeout=PATIENCE
        )

    def status(self, name):
        return self.object(name).get("status", {})

    def condition(self, name, type_):
        return next((c for c in self.status(name).get("conditions", []) if c["type"] == type_), None)

    def reason(self, name, type_="Ready"):
        return (self.condition(name, type_) or {}).get("reason")

    def wait(self, name, reason, type_="Ready", timeout=PATIENCE):
        """Until a condition gives this reason; its message."""
        path = '{.status.conditions[?(@.type=="' + type_ + '")].reason}'
        self.kubectl(
            "wait",
            "-n",
            self.namespace,
            f"session/{name}",
            f"--for=jsonpath={path}={reason}",
            f"--timeout={timeout:.0f}s",
        )
        return self.condition(name, type_)["message"]

    def wait_ready(self, *names, timeout=PATIENCE):
        sessions = [f"session/{name}" for name in names]
        self.kubectl("wait", "-n", self.namespace, *sessions, "--for=condition=Ready", f"--timeout={timeout:.0f}s")

    def settled(self, *names, sweeps=2):
        """Until the spec as it stands is what the session is, and whatever would follow by itself did."""
        for name in names:
            generation = self.object(name)["metadata"]["generation"]
            self.until("its generation", lambda: self.status(name).get("observedGeneration") == generation)  # noqa: B023
            self.until("Synced", lambda: self.reason(name, "Synced") == "Synced")  # noqa: B023 (called at once)
        self.sweeps(sweeps)

    def until(self, what, holds, timeout=PATIENCE):
        """Until something holds that is no field of a resource."""
        end = time.monotonic() + timeout
        while not (found := holds()):
            if time.monotonic() > end:
                raise AssertionError(f"not within {timeout:.0f} s: {what}")
            time.sleep(0.1)
        return found

    def delete(self, name, wait=True):
        return self.kubectl(
            "delete", "session", "-n", self.namespace, name, f"--wait={str(wait).lower()}", f"--timeout={PATIENCE:.0f}s"
        )

    def writes(self, name=None):
        """Writes of the operator to our resources since the scene began."""
        found = self.world.cluster.audit.writes(user=self.world.account, resource="sessions", since=self.writes_before)
        return [w for w in found if name in (None, w.name)]

    # the other side

    def calls(self, method=None, path=None, since=0):
        return self.control.requests(since=max(since, self._begun), method=method, path=path)

    def mark(self):
        """The number of the last call so far."""
        return max((c["n"] for c in self.calls()), default=self._begun)

    def creations(self, since=0):
        return self.calls("POST", "/v1/sessions", since)

    def mutations(self, since=0):
        """Every call that was to change something."""
        return [c for c in self.calls(since=since) if c["method"] not in ("GET", "HEAD")]

    def steps(self, since=0):
        """The same, each as one word."""
        return [_step(call) for call in self.mutations(since)]

    def uploads(self):
        """The files that operators uploaded and that are still there."""
        return [f for f in self.control.files() if f["filename"].startswith("k8s-")]

    def client(self):
        """Somebody else with the operator's key, who speaks the API as it is documented."""
        headers = {
            "x-api-key": self.world.simulator.key,
            "anthropic-version": "2023-06-01",
            "anthropic-beta": "managed-agents-2026-04-01,files-api-2025-04-14",
        }
        return httpx.Client(
            base_url=self.world.simulator.url, headers=headers, params={"beta": "true"}, trust_env=False
        )

    def send(self, name, **event):
        """Somebody sends an event to its session."""
        with self.client() as client:
            path = f"/v1/sessions/{self.status(name)['id']}/events"
            client.post(path, json={"events": [event]}).raise_for_status()

    def there(self, name):
        """Where each mount of its session lies, and the digest of what lies there."""
        content = {f["id"]: f["sha256"] for f in self.control.files(scoped=True)}
        mounts = self.control.session(self.status(name)["id"])["resources"]
        return {r["mount_path"].removeprefix("/mnt/session/uploads"): content.get(r["file_id"]) for r in mounts}

    def remote(self, name):
        """The journal's entries of all sessions that were made for this resource name, by anybody."""
        owner = f"/{self.namespace}/{name}"
        return [s for s in self.control.sessions() if s["metadata"].get("k8s_owner", "").endswith(owner)]

    def sweeps(self, count=3, key=None):
        """Wait until so many more whole listings were answered: what would be done after them is done.

        `key` is the end of one where there are several.
        """
        seen = self.mark()

        def listed():
            calls = (c for c in self.calls("GET", "/v1/sessions", since=seen) if key in (None, c["key"]))
            return sum("statuses" not in str(c["query"]) for c in calls) >= count

        return self.until(f"{count} sweeps", listed)

    def sample(self, path):
        return list(yaml.safe_load_all(path.read_text()))


def _step(call):
    route = f"{call['method']} {_ID.sub(r'/*', call['path'])}"
    if call["body"] == {"events": [{"type": "user.interrupt"}]}:
        return "interrupt"
    return _STEPS.get(route, route)
