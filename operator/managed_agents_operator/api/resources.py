"""What is mounted into a session: files, repositories, memory stores. Part of `session.SessionSpec`.

Where things come to lie in the sandbox is the API's business; `PATH` below repeats it only as far as two mounts that
would collide can be refused at once.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field, StringConstraints

from managed_agents_operator.api.base import Id, Model, one_of
from managed_agents_operator.api.schema import Rule, list_map

# Bounds are part of the rules' price: without one on everything a rule reads, the API server refuses the CRD.
MAX_RESOURCES = 500
MAX_PATH = 256

MountPath = Annotated[
    str,
    StringConstraints(min_length=2, max_length=MAX_PATH),
    Rule(
        "self.startsWith('/') && !self.endsWith('/')",
        "mountPath must be absolute and must not end with /: write /data/input.csv",
    ),
    Rule(
        "!self.contains('//') && !self.contains('/./') && !self.contains('/../') && !self.endsWith('/..')"
        " && !self.endsWith('/.')",
        "mountPath must not contain //, . or .. as a part: write the path out",
    ),
]


SourceKind = Literal["ConfigMap", "Secret"]


class ContentRef(NamedTuple):
    """A key of an object in the namespace of the Session."""

    kind: SourceKind
    name: str
    key: str


class SecretKeyRef(Model):
    """A key of a Secret, in the namespace of what names it but for ClusterConnections."""

    name: Annotated[
        str,
        StringConstraints(max_length=253),
        Rule(
            "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
            "name of a Secret has lower case letters, digits, - and . and begins and ends with a letter or digit:"
            " write it as kubectl get secrets shows it",
        ),
    ]
    """Name of the Secret."""
    key: Annotated[
        str,
        StringConstraints(max_length=253),
        Rule(
            "self.matches('^[-._a-zA-Z0-9]+$')",
            "key of a Secret has letters, digits, -, _ and .: write it as it stands below data of the Secret",
        ),
    ]
    """Key below `data` of the Secret."""


class ConfigMapKeyRef(Model):
    """A key of a ConfigMap in the namespace of the Session."""

    name: Annotated[
        str,
        StringConstraints(max_length=253),
        Rule(
            "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
            "name of a ConfigMap has lower case letters, digits, - and . and begins and ends with a letter or digit:"
            " write it as kubectl get configmaps shows it",
        ),
    ]
    """Name of the ConfigMap."""
    key: Annotated[
        str,
        StringConstraints(max_length=253),
        Rule(
            "self.matches('^[-._a-zA-Z0-9]+$')",
            "key of a ConfigMap has letters, digits, -, _ and .: write it as it stands below data of the ConfigMap",
        ),
    ]
    """Key below `data` or `binaryData` of the ConfigMap."""


class File(Model):
    """A file, mounted as a copy that the agent can read: exactly one of fileId, configMapKeyRef, secretKeyRef."""

    rules: ClassVar[tuple[Rule, ...]] = (
        one_of("file", "fileId", "configMapKeyRef", "secretKeyRef"),
        Rule(
            "has(self.fileId) || has(self.mountPath)",
            "a file from a ConfigMap or Secret needs mountPath: set it, since nothing else says where the file lies",
        ),
    )
    file_id: Id | None = None
    """Id of an uploaded file at the API. The session gets a copy with an id of its own, which is in status."""
    config_map_key_ref: ConfigMapKeyRef | None = None
    """Content, byte for byte: uploaded by the operator, and mounted anew whenever it changes."""
    secret_key_ref: SecretKeyRef | None = None
    """Content, byte for byte: uploaded by the operator, and mounted anew whenever it changes."""
    mount_path: MountPath | None = None
    """Absolute path, taken as below /mnt/session/uploads. Absent: the file id."""

    @property
    def content(self) -> ContentRef | None:
        """Where in the cluster the content stands; None for a file that the API has already."""
        if self.config_map_key_ref:
            return ContentRef("ConfigMap", self.config_map_key_ref.name, self.config_map_key_ref.key)
        if self.secret_key_ref:
            return ContentRef("Secret", self.secret_key_ref.name, self.secret_key_ref.key)
        return None


class Checkout(Model):
    """What of a repository is checked out."""

    rules: ClassVar[tuple[Rule, ...]] = (one_of("checkout", "branch", "commit"),)
    branch: Annotated[str, StringConstraints(min_length=1, max_length=250)] | None = None
    """Name of a branch."""
    commit: Annotated[str, StringConstraints(min_length=7, max_length=64)] | None = None
    """SHA of a commit."""


class GithubRepository(Model):
    """A GitHub repository, cloned into the session."""

    url: Annotated[
        str,
        StringConstraints(max_length=256),
        Rule(
            r"self.matches('^https://github[.]com/[A-Za-z0-9-]+/[A-Za-z0-9._-]+$') && !self.endsWith('.git')",
            "url must be https://github.com/<owner>/<repo>, without .git, a trailing slash or a path",
        ),
    ]
    """https://github.com/<owner>/<repo>"""
    checkout: Checkout | None = None
    """What is checked out. Absent: the default branch."""
    mount_path: (
        Annotated[
            MountPath,
            Rule(
                "self.startsWith('/workspace/')",
                "mountPath of a repository must lie under /workspace/: write /workspace/<name>",
            ),
        ]
        | None
    ) = None
    """Absolute path below /workspace. Absent: /workspace/<repo>."""
    authorization_token_secret_ref: SecretKeyRef | None = None
    """Secret with the token for a private repository. May change, as may what it holds: the session is handed the new
    one. A session keeps the token it has when this is removed."""


class MemoryStore(Model):
    """A memory store, mounted below /mnt/memory."""

    id: Id
    """Id of the memory store at the API."""
    access: Literal["read_write", "read_only"] = "read_write"
    """Whether the agent may write to it."""
    instructions: Annotated[str, StringConstraints(max_length=4096)] | None = None
    """What the agent is told about it."""


class Resource(Model):
    """One thing mounted into the session; exactly one of file, githubRepository, memoryStore."""

    rules: ClassVar[tuple[Rule, ...]] = (one_of("each of spec.resources", "file", "githubRepository", "memoryStore"),)
    name: Annotated[
        str,
        StringConstraints(max_length=63),
        Rule(
            "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
            "name of a resource has lower case letters, digits and - and begins and ends with a letter or digit:"
            " write input-data",
        ),
    ]
    """Name within this list, yours to choose."""
    file: File | None = None
    """A file, mounted as a copy that the agent can read: exactly one of fileId, configMapKeyRef, secretKeyRef."""
    github_repository: GithubRepository | None = None
    """A GitHub repository, cloned into the session."""
    memory_store: MemoryStore | None = None
    """A memory store, mounted below /mnt/memory."""

    @property
    def source(self) -> ContentRef | None:
        """What of the cluster goes into it: the content of a file, or the token of a repository."""
        if self.file:
            return self.file.content
        ref = self.github_repository and self.github_repository.authorization_token_secret_ref
        return ContentRef("Secret", ref.name, ref.key) if ref else None


# Where a resource lies, as the API roots it. A memory store's path only the server knows: its name here stands for it,
# and since a name never begins with a slash, it never equals a path.
PATH = (
    "has(r.file) ? (has(r.file.mountPath) ? (r.file.mountPath.startsWith('/mnt/session/uploads/') ? r.file.mountPath"
    " : '/mnt/session/uploads' + r.file.mountPath)"
    " : (has(r.file.fileId) ? '/mnt/session/uploads/' + r.file.fileId : r.name))"
    " : has(r.githubRepository) ? (has(r.githubRepository.mountPath) ? r.githubRepository.mountPath"
    " : '/workspace/' + r.githubRepository.url.split('/')[r.githubRepository.url.split('/').size() - 1])"
    " : r.name"
)

Resources = Annotated[
    tuple[Resource, ...],
    Field(max_length=MAX_RESOURCES),
    list_map("name"),
    Rule(
        "self.filter(r, has(r.memoryStore)).size() <= 8",
        "resources may have at most 8 memory stores: remove some",
    ),
    # distinct(), not a loop in a loop: that one is let into the CRD at 500 and then refuses the objects.
    Rule(
        f"self.map(r, {PATH}).distinct().size() == self.size()",
        "two resources have the same mountPath (absent: the file id, or /workspace/<repo>): set another on one of them",
    ),
]
