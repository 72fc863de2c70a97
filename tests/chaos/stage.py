"""A whole world whose operator reaches both sides by ways that can be broken, and is started again when it dies."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import ssl
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

import httpx
import yaml
from tests.chaos.proxy import Proxy
from tests.e2e.scene import FAST

from managed_agents_local import manifests
from managed_agents_local.controlplane import ControlPlane
from managed_agents_local.world import World

GROUP = "/apis/managedagents.dev/v1alpha1"
CANARIES = {"token": "ghp_canary0token0000", "content": "canary-content-1111", "renewed": "ghp_canary0renewed22"}
"""What must never be seen where others may read."""
SPEED = 4
MERGE = {"content-type": "application/merge-patch+json"}


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
            self.kubernetes = stack.enter_context(
                Proxy("kubernetes", self.cluster.url, str(self.cluster.ca), self.kill)
            )
            self.claude = stack.enter_context(Proxy("claude", self.world.simulator.url, None, self.kill))
            self.api = stack.enter_context(self._administrator())
            self.somebody = stack.enter_context(self._client())
            self._env = FAST | {
                "MANAGED_AGENTS_LOG_LEVEL": "info",
                "KUBECONFIG": str(self._detour(installed.kubeconfig, folder)),
                "ANTHROPIC_BASE_URL": self.claude.url,
            }
            self._alive, self._wanted = threading.Lock(), False
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
            self.world.start_operator(self._env, wait=False)
            self._wanted = True

    def mind(self) -> None:
        """As a kubelet does: start it again when it ended. Raises AssertionError when it ended without a reason."""
        if self._wanted and not self.world.operator.process.running:
            code = self.world.operator.process.exit_code
            self.events.append(f"the operator ended with {code}")
            assert code, f"the operator ended by itself with {code}"
            self.run()

    def ready(self) -> None:
        """Wait until the operator works. Raises processes.NotReady."""
        self.mind()
        self.world.operator.wait_ready()

    def kill(self) -> None:
        """SIGKILL; called by the proxies in the midst of a request."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.world.operator.process.pid, signal.SIGKILL)

    def freeze(self, seconds: float) -> None:
        """The process stands still while another one takes over, and then goes on until it is ended."""
        frozen = self.world.operator
        frozen.process.signal(signal.SIGSTOP)
        self.world.start_operator(self._env, wait=False)
        time.sleep(seconds)
        frozen.process.signal(signal.SIGCONT)
        time.sleep(1.0)
        frozen.process.kill()

    def rest(self) -> None:
        """No operator."""
        if self._wanted:
            self._wanted = False
            self.world.stop_operator()

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
