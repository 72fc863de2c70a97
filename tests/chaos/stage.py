"""A whole world whose operator reaches both sides by ways that can be broken, and is started again when it dies."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import ssl
import tempfile
import time
from pathlib import Path
from typing import Self

import httpx
import yaml
from tests.chaos.clock import Clock
from tests.chaos.proxy import Proxy
from tests.e2e.scene import FAST

from managed_agents_local import manifests, ports
from managed_agents_local.controlplane import ControlPlane
from managed_agents_local.daemon import Operator
from managed_agents_local.processes import NotReady
from managed_agents_local.world import World

GROUP = "/apis/managedagents.dev/v1alpha1"
CANARIES = {"token": "ghp_canary0token0000", "content": "canary-content-1111", "renewed": "ghp_canary0renewed22"}
"""What must never be seen where others may read."""
SPEED = 4
MERGE = {"content-type": "application/merge-patch+json"}
READY_SECONDS = 60.0
FROZEN_SECONDS, BESIDE_SECONDS = 2.5, 1.0
"""How long a process stands still while another one works, and how long it goes on beside that one."""


class Stage:
    """`with Stage() as stage`: cluster, simulator, two proxies, and an operator that is kept running."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.events: list[str] = []
        """What became of the processes."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="managed-agents-chaos-")))
            self.cluster = stack.enter_context(ControlPlane())
            installed = manifests.install(self.cluster, manifests.folder() / "base")
            options = ["--speed", str(SPEED)]
            self.world = stack.enter_context(
                World(self.cluster, folder, installed=installed, simulator_options=options)
            )
            both = (self.kill, self.freeze)
            self.kubernetes = stack.enter_context(Proxy("kubernetes", self.cluster.url, str(self.cluster.ca), *both))
            self.claude = stack.enter_context(Proxy("claude", self.world.simulator.url, None, *both))
            self.clock = Clock(folder)
            self._backup = folder / "backup"
            self.api = stack.enter_context(self._administrator())
            self.somebody = stack.enter_context(self._client())
            self._env = FAST | {
                "MANAGED_AGENTS_LOG_LEVEL": "info",
                "KUBECONFIG": str(self._detour(installed.kubeconfig, folder)),
                "ANTHROPIC_BASE_URL": self.claude.url,
                **self.clock.environment,
            }
            self._frozen: dict[Operator, float] = {}
            self._port = 0
            self._wanted = False
            stack.callback(self.rest)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _detour(self, kubeconfig: Path, folder: Path) -> Path:
        """The operator's own way to the cluster, with its rights, by the proxy."""
        return self.kubernetes.detour(kubeconfig, folder / "kubeconfig-detour")

    def _administrator(self) -> httpx.Client:
        user = yaml.safe_load(self.cluster.kubeconfig.read_text())["users"][0]["user"]
        headers = {"authorization": f"Bearer {user['token']}"}
        tls = ssl.create_default_context(cafile=str(self.cluster.ca))
        return httpx.Client(base_url=self.cluster.url, verify=tls, headers=headers, timeout=30)

    def _client(self) -> httpx.Client:
        headers = {"x-api-key": self.world.simulator.key, "anthropic-version": "2023-06-01"}
        headers["anthropic-beta"] = "managed-agents-2026-04-01"
        params = {"beta": "true"}
        return httpx.Client(
            base_url=self.world.simulator.url, headers=headers, params=params, trust_env=False, timeout=30
        )

    # the operator

    @property
    def control(self):
        """The simulator from behind."""
        return self.world.control

    @property
    def log(self) -> Path:
        """What all operators said."""
        return self.world.operator_log

    def run(self) -> None:
        """One operator runs, or is started."""
        if not (self._wanted and self.world.operator.process.running):
            self._start()
            self._wanted = True

    def _start(self) -> None:
        # Two that start at once write into one log, which could not tell whose port is whose.
        self._port = ports.free(1)[0]
        self.world.start_operator(self._env | {"MANAGED_AGENTS_HTTP_PORT": str(self._port)}, wait=False)

    def mind(self) -> None:
        """As a kubelet does: start it again when it ended. Raises AssertionError when it ended without a reason."""
        if not self._wanted:
            return
        for frozen, since in list(self._frozen.items()):
            self._thaw(frozen, time.monotonic() - since)
        if not self.world.operator.process.running:
            code = self.world.operator.process.exit_code
            self.events.append(f"the operator ended with {code}")
            assert code, f"the operator ended by itself with {code}"
            self.run()

    def _thaw(self, frozen: Operator, seconds: float) -> None:
        if frozen is self.world.operator:
            # Somebody takes its place at once, as if its Lease were lost.
            self._start()
        if seconds > FROZEN_SECONDS:
            frozen.process.signal(signal.SIGCONT)
        if seconds > FROZEN_SECONDS + BESIDE_SECONDS:
            frozen.process.kill()
            del self._frozen[frozen]

    def ready(self) -> None:
        """Wait until one operator works, and no other. Raises processes.NotReady."""
        end = time.monotonic() + READY_SECONDS
        while self._frozen or not self._asked("readyz").is_success:
            self.mind()
            if time.monotonic() > end:
                raise NotReady(self.world.operator.process.explain(f"not ready within {READY_SECONDS:.0f} s"))
            time.sleep(0.1)

    def metrics(self) -> str:
        """All metrics of the operator."""
        return self._asked("metrics").text

    def _asked(self, what: str) -> httpx.Response:
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/{what}", trust_env=False, timeout=5)
        except httpx.HTTPError:
            return httpx.Response(503)

    def kill(self) -> None:
        """SIGKILL; called by the proxies in the midst of a request."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.world.operator.process.pid, signal.SIGKILL)

    def freeze(self) -> None:
        """The process stands still while another one takes over; then both go on, until the old one is ended."""
        operator = self.world.operator
        if operator not in self._frozen:
            operator.process.signal(signal.SIGSTOP)
            self.events.append("the operator stands still")
            self._frozen[operator] = time.monotonic()

    def rest(self) -> None:
        """No operator."""
        if not self._wanted:
            return
        self._wanted = False
        for frozen in self._frozen:
            frozen.process.kill()
        self._frozen.clear()
        self.world.stop_operator()

    # what else may happen to both sides

    def backup(self) -> None:
        """Keep what the cluster has now; its API server is away for seconds."""
        shutil.rmtree(self._backup, ignore_errors=True)
        self.cluster.backup(self._backup)

    def restore(self) -> None:
        """Put the cluster back to the backup."""
        self.cluster.restore(self._backup)

    def other_workspace(self) -> None:
        """The operator's key is one of another workspace, until `own_key`."""
        self.control.add_key(self.world.simulator.key, "other")

    def revoke(self) -> None:
        """The operator's key is refused, until `own_key`."""
        self.control.revoke_key(self.world.simulator.key)

    def own_key(self) -> None:
        """The operator's key is what it was."""
        self.control.add_key(self.world.simulator.key, "default")

    # both sides, by no word of the operator

    def sessions(self, namespace: str) -> dict[str, dict]:
        """Session resources by name."""
        items = self._read(f"{GROUP}/namespaces/{namespace}/sessions")["items"]
        return {item["metadata"]["name"]: item for item in items}

    def _read(self, path: str) -> dict:
        """As the administrator, also of an API server that has too much to do for a moment."""
        for _ in range(50):
            answer = self.api.get(path)
            if answer.status_code not in (429, 503):
                break
            time.sleep(0.2)
        read: dict = answer.raise_for_status().json()
        return read

    def alive(self, namespace: str) -> list[dict]:
        """All living sessions that were made for resources of a namespace."""
        alive = self.control.sessions(alive=True)
        return [s for s in alive if f"/{namespace}/" in s["metadata"].get("k8s_owner", "")]

    def told_of(self, id: str) -> dict:
        """What the API tells of a session."""
        answer: dict = self.somebody.get(f"/v1/sessions/{id}").raise_for_status().json()
        return answer

    def told(self, id: str) -> list[str]:
        """The messages that a session got, oldest first."""
        texts, page = [], None
        while True:
            query = {"limit": "100", "order": "asc"} | ({"page": page} if page else {})
            answer = self.somebody.get(f"/v1/sessions/{id}/events", params={"beta": "true", **query})
            answer.raise_for_status()
            for event in answer.json()["data"]:
                if event["type"] == "user.message":
                    texts += [part["text"] for part in event["content"] if part["type"] == "text"]
            page = answer.json().get("next_page")
            if not page:
                return texts

    def kubectl(self, *args: str, input: str | None = None, check: bool = True) -> str:
        """As an administrator."""
        return self.world.kubectl(*args, input=input, check=check).stdout

    def apply(self, *objects: dict) -> None:
        """kubectl apply."""
        self.kubectl("apply", "-f", "-", input="\n".join(json.dumps(one) for one in objects))

    def trace(self) -> str:
        """What was done to requests, and what became of the processes."""
        return "\n".join([*self.kubernetes.trace, *self.claude.trace, *self.events])

    def keep(self, name: str) -> Path:
        """Keep the log for people to read; where it is."""
        kept = Path(tempfile.gettempdir()) / f"managed-agents-chaos-{name}.log"
        shutil.copy(self.log, kept)
        return kept

    def _remove(self) -> None:
        """No Session is left, whatever its finalizer waits for."""
        for item in self._read(f"{GROUP}/sessions")["items"]:
            path = f"{GROUP}/namespaces/{item['metadata']['namespace']}/sessions/{item['metadata']['name']}"
            self.api.patch(path, json={"metadata": {"finalizers": None}}, headers=MERGE)
            self.api.delete(path)

    def clean(self) -> None:
        """As at the beginning, but for the operator's memory."""
        self.rest()
        self.kubernetes.clear()
        self.claude.clear()
        self.control.clear_faults()
        self.control.reset_modes()
        self.own_key()
        self.clock.jump(0)
        self._remove()
        self.control.reset()
        self.kubernetes.trace.clear()
        self.claude.trace.clear()
        self.events.clear()
        with contextlib.suppress(FileNotFoundError):
            self.log.write_text("")


def content(namespace: str, text: str) -> dict:
    """The manifest of the ConfigMap that is mounted."""
    meta = {"name": "content", "namespace": namespace}
    data = {"k": f"{CANARIES['content']} {text}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


def secret(namespace: str, token: str) -> dict:
    """The manifest of the Secret with the token of the repository."""
    meta = {"name": "gh", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"token": token}}
