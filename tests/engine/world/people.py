"""What people do to resources, to ConfigMaps and Secrets: a part of every story.

What they do is drawn by the story as a name of a method here (without its underscore) and what it is given.
"""

from __future__ import annotations

import copy

from tests.engine.world.admission import admitted
from tests.engine.world.world import World


class People:
    """They act on one world and keep backups of it."""

    world: World
    backups: dict

    def act(self, name, what, how):
        """Something that somebody does to the resource of that name, if it is there."""
        if name in self.world.cluster.objects or what == "apply":
            getattr(self, f"_{what}")(name, how)

    def _apply(self, name, spec):
        if name not in self.world.cluster.objects and admitted(None, spec):
            self.world.cluster.apply(name, spec)

    def _edit(self, name, fields):
        """As admission lets it through: what a session was made from is fixed once it is there."""
        body = self.world.cluster.objects[name]
        after = {k: v for k, v in {**body["spec"], **fields}.items() if v is not None}
        if admitted(body, after):
            self.world.cluster.edit(name, **fields)

    def _remount(self, name, files):
        """Other files; what can't be changed stays."""
        lasting = [one for one in self._resources(name) if "file" not in one]
        self._edit(name, {"resources": [*lasting, *files]})

    def _retoken(self, name, secret):
        """Another Secret for the token of each repository."""
        resources = copy.deepcopy(self._resources(name))
        for one in resources:
            if repository := one.get("githubRepository"):
                repository["authorizationTokenSecretRef"] = {"name": secret, "key": "token"}
        self._edit(name, {"resources": resources})

    def _resources(self, name):
        return self.world.cluster.objects[name]["spec"].get("resources", [])

    def _source(self, _, change):
        """A ConfigMap or Secret is written, loses its key, or goes."""
        kind, name, value = change
        if value == "gone":
            self.world.cluster.sources.delete(kind, name)
        else:
            self.world.cluster.sources.put(kind, name, value)

    def _delete(self, name, _):
        self.world.cluster.delete(name)

    def _force(self, name, _):
        self.world.cluster.annotate(name, force_delete="true")
        self.world.cluster.delete(name)

    def _ask(self, name, value):
        self.world.cluster.annotate(name, reconcile_requested_at=value)

    def _replace(self, name, _):
        self._take_away(name, self.world.cluster.replace)

    def _wipe(self, name, _):
        if admitted({"spec": {}}, self.world.cluster.objects[name]["spec"]):
            self._take_away(name, self.world.cluster.wipe_status)

    def _take_away(self, name, traces):
        """Of a server that keeps no metadata, what is written here is all that anybody knows."""
        if self.world.api.keeps_metadata:
            if not self.world.status(name).get("id"):
                # Nobody finds a session by anything while it is on its way, or not even listed.
                self.world.advance(self.world.api.flight)
            traces(name)
            self.world.advance(self.world.api.list_lag)

    def _back_up(self, name, _):
        body = copy.deepcopy(self.world.cluster.objects[name])
        body["metadata"].pop("deletionTimestamp", None)
        self.backups[name] = body

    def _restore(self, name, status):
        """The namespace was lost, finalizers and all, and comes back from a backup."""
        if name in self.backups and self.world.api.keeps_metadata:
            self.world.cluster.vanish(name)
            self.world.cluster.restore(name, self.backups[name], status=status)
