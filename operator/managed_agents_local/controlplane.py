"""A real Kubernetes control plane on this machine: etcd and kube-apiserver on 127.0.0.1, and kubectl to talk to it.

Called by the commands and by tests. Where the binaries come from is `assets.py`. There is no controller manager and no
node: objects are stored, checked and watched, and nothing else happens to them.
"""

import secrets
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from managed_agents_local import assets, kubeconfig
from managed_agents_local.apiserver import ApiServer
from managed_agents_local.audit import AuditLog
from managed_agents_local.cluster import Cluster
from managed_agents_local.etcd import Etcd


class ControlPlane(Cluster):
    """One control plane with a life: `with ControlPlane() as cluster: cluster.kubectl("get", "namespaces")`.

    `directory` keeps logs, keys and kubeconfig and is left behind; without one a temporary folder is used, which is
    removed at the end unless the start failed. `assets_directory` holds the binaries; found or built when None.
    Data does not survive `stop`; it survives `restart_apiserver`, and in the folder of a `backup`.
    """

    def __init__(self, directory: Path | None = None, *, assets_directory: Path | None = None) -> None:
        binaries = assets_directory or assets.find()
        self._temporary = directory is None
        directory = directory or Path(tempfile.mkdtemp(prefix="managed-agents-controlplane-"))
        directory.mkdir(parents=True, exist_ok=True)
        super().__init__(directory / "kubeconfig", binaries / "kubectl", directory)
        self._token = secrets.token_urlsafe(32)
        self._etcd = Etcd(binaries / "etcd", directory)
        self._apiserver = ApiServer(binaries / "kube-apiserver", directory, self._token)
        self.audit = AuditLog(self._apiserver.audit_log)
        """Every write that came in, with its user and answer."""

    @property
    def url(self) -> str:
        """Where the API server listens, `https://127.0.0.1:<port>`; the same after a restart."""
        return self._apiserver.url

    @property
    def ca(self) -> Path:
        """The certificate that the API server is to be trusted by."""
        return self._apiserver.ca

    def start(self) -> Self:
        """Start both and wait until they answer, about 3 seconds.

        Raises processes.NotReady with the end of the log; then nothing is left running and the logs stay.
        """
        try:
            self._etcd.start()
            self._apiserver.start(self._etcd.url)
            cluster = {"server": self.url, "certificate-authority": str(self.ca)}
            kubeconfig.write(self.kubeconfig, cluster=cluster, token=self._token)
        except BaseException:
            # Ctrl-C too: whoever interrupts a start has nothing to stop it by.
            self._end()
            raise
        return self

    def stop(self) -> None:
        """End both processes; safe to call twice."""
        self._end()
        if self._temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    def stop_apiserver(self) -> None:
        """Take the API server away; etcd keeps what it knows."""
        self._apiserver.stop()

    def start_apiserver(self) -> None:
        """Bring it back at the same address with the same keys. Raises processes.NotReady."""
        self._apiserver.start(self._etcd.url)

    def restart_apiserver(self) -> None:
        """Every watch and connection ends; data, address and keys stay. Raises processes.NotReady."""
        self.stop_apiserver()
        self.start_apiserver()

    def backup(self, to: Path) -> None:
        """Keep all objects as they are now in a new folder; both processes start anew. Raises processes.NotReady."""
        self._pause(lambda: shutil.copytree(self._etcd.data, to))

    def restore(self, source: Path) -> None:
        """Put all objects back to what `backup` kept. Raises processes.NotReady."""

        def put_back() -> None:
            shutil.rmtree(self._etcd.data)
            shutil.copytree(source, self._etcd.data)

        self._pause(put_back)

    def _pause(self, between: Callable[[], object]) -> None:
        self._apiserver.stop(seconds=0.5)
        self._etcd.stop()
        between()
        self._etcd.start()
        self.start_apiserver()

    def fallen(self) -> str | None:
        """What to tell a person of an etcd or kube-apiserver that ended by itself; None while both run."""
        return self._etcd.fallen() or self._apiserver.fallen()

    def _end(self) -> None:
        # First who writes, then who stores; a second end must come also when the first fails.
        try:
            self._apiserver.stop()
        finally:
            self._etcd.stop()
            shutil.rmtree(self._etcd.data, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
