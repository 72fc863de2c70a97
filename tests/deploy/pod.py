"""What a kubelet makes of a Deployment's pod, without one: environment, mounts, the account's token, and its process.

Used by test_image.py. Secrets and ConfigMaps are read from the cluster, as a kubelet would; what the container has
besides is in the image.
"""

from __future__ import annotations

import base64
import json

import httpx
from tests.deploy.conftest import one
from tests.deploy.dockerfile import RUNTIME_PATH, inside

from managed_agents_local.daemon import Operator
from managed_agents_local.processes import Process

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


class Pod:
    """The pod of the Deployment among `objects`. `image` is a root, `entry` what the image starts with."""

    def __init__(self, cluster, objects, image, entry, directory):
        deployment = one(objects, "Deployment")
        self._cluster, self._image, self._entry, self._directory = cluster, image, entry, directory
        self._namespace = deployment["metadata"]["namespace"]
        self._spec = deployment["spec"]["template"]["spec"]
        (self._container,) = self._spec["containers"]

    def start(self, log, **more):
        """Its one process, with `more` in the environment. Does not wait."""
        url = httpx.URL(self._cluster.url)
        env = self._env() | {"KUBERNETES_SERVICE_HOST": url.host, "KUBERNETES_SERVICE_PORT": str(url.port), **more}
        command = [*self._container.get("command", self._entry), *self._container["args"]]
        line = inside(self._image.root, command, env=self._image.env | env, binds=[*self._mounts(), self._token()])
        return Operator(Process.start("operator", line, log=log, env={"PATH": RUNTIME_PATH}))

    def _env(self):
        found = {variable["name"]: self._value(variable) for variable in self._container["env"]}
        return {name: value for name, value in found.items() if value is not None}

    def _value(self, variable):
        match variable.get("valueFrom"):
            case None:
                return variable["value"]
            case {"fieldRef": {"fieldPath": "metadata.namespace"}}:
                return self._namespace
            case {"secretKeyRef": {"name": name, "key": key, **rest}}:
                content = self._content("secret", name, optional=rest.get("optional", False))
                return base64.b64decode(content[key]).decode() if key in content else None
        raise AssertionError(f"no kubelet here knows {variable}")

    def _content(self, kind, name, optional=False):
        done = self._cluster.kubectl("get", kind, name, "-n", self._namespace, "-o", "json", check=not optional)
        return json.loads(done.stdout)["data"] if done.returncode == 0 else {}

    def _mounts(self):
        volumes = {volume["name"]: volume for volume in self._spec.get("volumes", ())}
        for mount in self._container.get("volumeMounts", ()):
            folder = self._directory / mount["name"]
            folder.mkdir()
            for name, text in self._content("configmap", volumes[mount["name"]]["configMap"]["name"]).items():
                (folder / name).write_text(text)
            yield folder, mount["mountPath"]

    def _token(self):
        assert self._spec["automountServiceAccountToken"]
        folder = self._directory / "account"
        folder.mkdir()
        name = self._spec["serviceAccountName"]
        token = self._cluster.kubectl("create", "token", name, "-n", self._namespace, "--duration=600s").stdout
        (folder / "token").write_text(token.strip())
        (folder / "ca.crt").write_bytes(self._cluster.ca.read_bytes())
        (folder / "namespace").write_text(self._namespace)
        return folder, ACCOUNT
