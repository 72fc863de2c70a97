"""One kube-apiserver process with its keys: RBAC, a token for the administrator, an audit log of writes.

Called by `controlplane.py`, which gives it an etcd.
"""

import ssl
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from managed_agents_local import audit, ports
from managed_agents_local.processes import NotReady, Process

TRIES = 3
"""How often another port is tried when someone else took it first."""

STOP_SECONDS = 10
"""How long open requests may take to end; watches never end by themselves."""


class ApiServer:
    """kube-apiserver at 127.0.0.1; port and keys stay the same from one start to the next."""

    def __init__(self, binary: Path, directory: Path, token: str) -> None:
        self._binary = binary
        self._token = token
        self._directory = directory
        self._log = directory / "kube-apiserver.log"
        self._certificates = directory / "certificates"
        self._process: Process | None = None
        self._port = 0
        self.audit_log = directory / "audit.log"

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def ca(self) -> Path:
        """Its own certificate, which it signs for itself at the first start."""
        return self._certificates / "apiserver.crt"

    def start(self, etcd: str) -> None:
        """Start it on the etcd at this URL and wait until it serves. Raises processes.NotReady."""
        self._write_keys()
        fixed = self._port
        for left in reversed(range(TRIES)):
            self._port = fixed or ports.free(1)[0]
            process = self._launch(etcd)
            try:
                process.wait_until(self._serves, "kube-apiserver serves", timeout=120)
            except NotReady:
                if not left or fixed or "address already in use" not in process.text():
                    raise
            else:
                return

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it, and what is still open after so many seconds; nothing happens if it does not run."""
        if self._process:
            self._process.stop(seconds)
            self._process = None

    def fallen(self) -> str | None:
        """What to tell a person when it ended by itself; None while it runs, and when it was stopped."""
        return self._process.fallen() if self._process else None

    def _launch(self, etcd: str) -> Process:
        self.stop()
        self._process = Process.start("kube-apiserver", [self._binary, *self._flags(etcd)], log=self._log)
        return self._process

    def _flags(self, etcd: str) -> list[str]:
        return [
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--cert-dir={self._certificates}",
            # A loopback address is refused as an endpoint of the Service `kubernetes`, which nobody here uses.
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self._directory / 'tokens.csv'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={self._directory / 'service-account.key'}",
            f"--service-account-key-file={self._directory / 'service-account.key'}",
            f"--audit-policy-file={self._directory / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit_log}",
            # A write is in the log before its answer is out, so that counts need no waiting.
            "--audit-log-mode=blocking-strict",
            "--audit-log-maxsize=4096",
            "--profiling=false",
        ]

    def _write_keys(self) -> None:
        # A directory may have served before: its accounts' key is still good, the administrator's token is new.
        self._write("tokens.csv", f"{self._token},admin,admin,system:masters\n".encode())
        self._write("audit-policy.yaml", audit.POLICY.encode())
        if not (self._directory / "service-account.key").exists():
            private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
            self._write("service-account.key", private)

    def _write(self, name: str, content: bytes) -> None:
        path = self._directory / name
        path.touch(mode=0o600)
        path.write_bytes(content)

    def _serves(self) -> bool:
        if not self.ca.exists():
            return False
        try:
            trust = ssl.create_default_context(cafile=self.ca)
            headers = {"Authorization": f"Bearer {self._token}"}
            with httpx.Client(base_url=self.url, verify=trust, headers=headers, trust_env=False, timeout=5) as client:
                # It makes its first namespaces some time after it calls itself ready.
                needed = ("/readyz", "/api/v1/namespaces/default", "/api/v1/namespaces/kube-system")
                return all(client.get(path).is_success for path in needed)
        except (httpx.HTTPError, ssl.SSLError):
            return False
