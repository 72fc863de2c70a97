"""What all tests against a real API server share: the control plane with our resources installed, and kubectl.

`scene` is a whole world of its own for one test: simulator and operator as processes beside the shared control plane.
When a test fails, what its processes said is printed with it.
"""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from pathlib import Path

import kubernetes
import pytest
from tests.e2e.connecting import fares
from tests.e2e.lodging import Lodging
from tests.e2e.scene import Scene
from tests.e2e.tidying import remove_resources, remove_values

from managed_agents_local import manifests
from managed_agents_local.controlplane import ControlPlane
from managed_agents_local.manifests import established
from managed_agents_local.world import World
from managed_agents_operator.kube.access import Cluster

CRDS = Path(__file__).parents[2] / "crds"
LODGING = pytest.StashKey[Lodging]()
NAMED = re.compile(r'\w+(?:\.managedagents\.dev)? "(?P<name>[^"]+)" is invalid: (?P<said>.*)', re.DOTALL)


@pytest.fixture(scope="session")
def control_plane():
    """One for all tests of this process, with the CRDs as `kubectl apply --server-side -f crds/` puts them there."""
    with ControlPlane() as cluster:
        cluster.kubectl("apply", "--server-side", "-f", CRDS)
        for crd in CRDS.glob("*.yaml"):
            group, _, plural = crd.stem.partition("_")
            established(cluster, f"{plural}.{group}")
        yield cluster


@pytest.fixture
async def cluster(control_plane):
    """The way to its API server, as the operator has it."""
    async with await Cluster.connect(str(control_plane.kubeconfig)) as cluster:
        yield cluster


@pytest.fixture
def namespace(control_plane):
    """One of its own; nobody removes namespaces here."""
    name = f"ns-{uuid.uuid4().hex[:8]}"
    control_plane.kubectl("create", "namespace", name)
    return name


class Kubectl:
    """The real program, on the control plane of the test."""

    def __init__(self, cluster):
        self._cluster = cluster

    def run(self, *args, objects=()):
        """Whatever comes of it. `objects` go in as a stream of documents: a List would be checked by kubectl itself."""
        if not objects:
            return self._cluster.kubectl(*args, check=False)
        stream = "\n".join(json.dumps(each) for each in objects)
        return self._cluster.kubectl(*args, "-f", "-", input=stream, check=False)

    def __call__(self, *args, objects=()):
        """What it prints; anything but success is a failure of the test."""
        done = self.run(*args, objects=objects)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *args, objects=()):
        """What it says when it doesn't do it; doing it is a failure of the test."""
        done = self.run(*args, objects=objects)
        assert done.returncode != 0, f"was accepted: {done.stdout}"
        return done.stderr

    def each(self, *args, objects):
        """By name, what is said against each object, and None for those accepted, from one run for all of them."""
        done = self.run(*args, objects=objects)
        answers = dict.fromkeys(re.findall(r"^\w+\.managedagents\.dev/(\S+) ", done.stdout, re.MULTILINE))
        for said in re.split(r'^(?=Error from server|The \w+ ")', done.stderr, flags=re.MULTILINE):
            if found := NAMED.search(said):
                answers[found["name"]] = found["said"]
        unanswered = {each["metadata"]["name"] for each in objects} - set(answers)
        assert not unanswered, f"{sorted(unanswered)}: {done.stderr}"
        return answers


@pytest.fixture(scope="session")
def kubectl(control_plane):
    """kubectl as the administrator."""
    return Kubectl(control_plane)


@pytest.fixture(scope="session")
def session():
    """Makes the manifest of a Session."""

    def make(name, spec, **fields):
        head = {"apiVersion": "managedagents.dev/v1alpha1", "kind": "Session"}
        return head | {"metadata": {"name": name, "namespace": "default"}, "spec": spec} | fields

    return make


@pytest.fixture(scope="session")
def created(kubectl, session):
    """What kubectl says to each of many specs: None where it may be created. Nothing is stored."""

    def answers(specs):
        objects = [session(f"row-{n}", spec) for n, spec in enumerate(specs)]
        said = kubectl.each("create", "--dry-run=server", objects=objects)
        return [said[each["metadata"]["name"]] for each in objects]

    return answers


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    world = next((each for each in item.funcargs.values() if isinstance(each, Scene)), None)
    if report.failed and world is not None:
        report.sections.append(("what the world says", world.told()))
    return report


@pytest.fixture(scope="session")
def installed(control_plane):
    """Our base in the cluster."""
    return manifests.install(control_plane, manifests.folder() / "base")


@pytest.fixture(scope="session")
def stored(control_plane):
    """What the API server has stored of our resources, as the administrator reads it."""
    with kubernetes.config.new_client_from_config(str(control_plane.kubeconfig)) as client:
        yield kubernetes.client.CustomObjectsApi(client)


@pytest.fixture(scope="session")
def opened(control_plane, installed, stored):
    """Opens a scene for as long as it is needed: `with opened(directory) as scene`."""

    @contextlib.contextmanager
    def scene(directory):
        with World(control_plane, directory, installed=installed, simulator_options=["--speed", "4"]) as world:
            # Other tests of this cluster may have left some, and an operator serves them all.
            remove_resources(stored)
            try:
                yield Scene(world, stored)
            finally:
                world.stop()
                remove_resources(stored)
                remove_values(stored, "default")

    return scene


@pytest.fixture(scope="session")
def lodging(control_plane, installed, stored, tmp_path_factory):
    """A world for those tests that need none of their own."""
    directory = tmp_path_factory.mktemp("lodging")
    with World(control_plane, directory, installed=installed, simulator_options=["--speed", "4"]) as world:
        yield Lodging(world, stored)


@pytest.fixture(scope="module", autouse=True)
def parked_at_first(request):
    """What a whole module makes before its first test is nobody's work either."""
    if LODGING in request.config.stash:
        request.config.stash[LODGING].park()


@pytest.fixture(autouse=True)
def parked(request):
    """Where a test does not live there, its operator keeps its hands off the cluster."""
    if "lodger" not in request.fixturenames and LODGING in request.config.stash:
        request.config.stash[LODGING].park()


@pytest.fixture
def lodger(lodging, stored, request):
    """Simulator and cluster as at the beginning, in a world where others were before; an operator may run already.

    For tests that begin by starting one with the usual settings: `scene` is this for whole modules of them.
    """
    request.config.stash[LODGING] = lodging
    lodging.enter()
    begun = max((call["n"] for call in lodging.world.control.requests()), default=0)
    scene = Scene(lodging.world, stored, begun=begun, lodging=lodging)
    yield scene
    lodging.leave(scene)


@pytest.fixture
def scene(opened, tmp_path):
    """Simulator and cluster; the test starts the operator, so that it can set the stage first."""
    with opened(tmp_path) as scene:
        yield scene


@pytest.fixture(scope="module")
def shared(opened, tmp_path_factory):
    """The same with an operator that runs, for tests of one module that only add resources of their own."""
    with opened(tmp_path_factory.mktemp("shared")) as scene:
        scene.start()
        yield scene


@pytest.fixture
def team(scene):
    """Makes a namespace of its own, with labels, and shows the world from there."""

    def make(**labels):
        name = f"ns-{uuid.uuid4().hex[:8]}"
        meta = {"name": name, "labels": labels}
        scene.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        return scene.within(name)

    return make


@pytest.fixture
def opened_to(scene):
    """Gives a namespace a key in a Secret, of a workspace, and a Connection by which Sessions use it."""

    def make(team, secret, workspace=None, name="default", **spec):
        scene.control.add_key(secret, workspace)
        team.apply(team.secret("key", apiKey=secret), team.connection(name, **spec))
        fares(team, "Connected", name=name)

    return make
