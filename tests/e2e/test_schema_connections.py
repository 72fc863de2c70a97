"""Connections and ClusterConnections: what may be written, what may be changed, and what a person reads otherwise."""

from __future__ import annotations

import json

import httpx
import pytest
from tests.e2e.edits import ACCEPTED, GONE, edited

pytestmark = pytest.mark.e2e

KEY = {"name": "anthropic", "key": "apiKey"}
MINIMAL = {"apiKeySecretRef": KEY}
DEFAULTS = {
    "baseURL": "https://api.anthropic.com",
    "betaHeaders": [],
    "createsPerMinute": 300,
    "requestsPerMinute": 600,
}
KINDS = ("Connection", "ClusterConnection")
KIND_OF = {"Connection": "connections", "ClusterConnection": "clusterconnections"}
NAME = "by-hand"
STATUS = {
    "observedGeneration": 1,
    "workspaceId": "wrkspc_1",
    "sessions": 12,
    "circuit": "Open",
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "reason": "KeyRefused",
            "message": "m",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-11-24T10:00:00Z",
        },
    ],
}


def with_(**fields):
    return MINIMAL | fields


def url(text):
    return with_(baseURL=text)


def allowed(**fields):
    return with_(allowedNamespaces=fields)


def where(**fields):
    return allowed(selector={"matchExpressions": [{"key": "team"} | fields]})


def connection(kind, name, spec, **fields):
    metadata = {"name": name} | ({"namespace": "default"} if kind == "Connection" else {})
    return {"apiVersion": "managedagents.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec} | fields


URL = (
    "spec.baseURL: Forbidden: baseURL is http:// or https:// with a host, and a port and a path if need be, without"
    " query, fragment or blanks: write https://api.anthropic.com"
)
CREDENTIALS = (
    "spec.baseURL: Forbidden: baseURL carries no credentials: take them out, put the key into a Secret and name it"
    " in apiKeySecretRef"
)
ADDRESSES = [
    ("https", "https://api.example.com", ACCEPTED),
    ("http", "http://localhost", ACCEPTED),
    ("a port", "http://127.0.0.1:8080", ACCEPTED),
    ("a path", "https://example.com/proxy/claude-1/v2.0", ACCEPTED),
    ("a slash at the end", "https://example.com/", ACCEPTED),
    ("a Service", "http://gateway.ai_tools.svc:80", ACCEPTED),
    ("IPv6", "http://[fd00::1]:8080/a", ACCEPTED),
    ("escapes", "https://example.com/a%20b", ACCEPTED),
    ("the last port", "https://example.com:65535", ACCEPTED),
    ("nothing", "", URL),
    ("a word", "anthropic", URL),
    ("no scheme", "api.anthropic.com", URL),
    ("another scheme", "ftp://example.com", URL),
    ("a scheme in capitals", "HTTPS://example.com", URL),
    ("no host", "https://", URL),
    ("no host but a path", "https:///v1", URL),
    ("no host but a port", "https://:443", URL),
    ("a port of letters", "https://example.com:https", URL),
    ("a port too high", "https://example.com:65536", URL),
    ("a port far too high", "https://example.com:99999999999999999999", URL),
    ("port 0", "https://example.com:0", URL),
    ("a port without digits", "https://example.com:", URL),
    ("a query", "https://example.com?beta=true", URL),
    ("a query after a path", "https://example.com/v1?", URL),
    ("a fragment", "https://example.com/#a", URL),
    ("a blank", "https://example.com/a b", URL),
    ("a blank at the end", "https://example.com ", URL),
    ("a line break", "https://example.com/\nHost: evil", URL),
    ("a backslash", "https://example.com\\@evil.com", CREDENTIALS),
    ("an escape that is none", "https://example.com/%zz", URL),
    ("no address of IPv4", "https://999.1.1.1", URL),
    ("no address of IPv6", "https://[fd00:::1]", URL),
    ("letters beyond ASCII", "https://exämple.com", URL),
    ("a user", "https://me@example.com", CREDENTIALS),
    ("a user and a password", "https://me:secret@example.com/v1", CREDENTIALS),
    ("a key as user", "https://sk-ant-1:@example.com", CREDENTIALS),
    ("a password with a slash", "https://me:sec/ret@example.com", URL),
    ("a host that only looks like the API", "https://api.anthropic.com:443@evil.com", CREDENTIALS),
    ("513 characters", "https://example.com/" + "p" * 493, "spec.baseURL: Too long: may not be more than 512"),
]

ONE_KEY = "spec.apiKeySecretRef: Forbidden: a {} needs exactly one of apiKeySecretRef, authTokenSecretRef: set one and"
WORKSPACE = "workspaceId has letters, digits and signs, and no blanks: write it as the"
BETA = "each of betaHeaders has letters, digits, -, _ and .: write each value as an item of its own, without commas"
FIELDS = [
    ("the least", MINIMAL, ACCEPTED),
    ("a token", {"authTokenSecretRef": KEY}, ACCEPTED),
    (
        "everything",
        with_(
            baseURL="https://example.com/v",
            workspaceId="wrkspc_01",
            betaHeaders=["files-api-2025-04-14", "x_1.0"],
            createsPerMinute=1_000_000,
            requestsPerMinute=1,
        ),
        ACCEPTED,
    ),
    ("no key", {}, ONE_KEY),
    ("key and token", with_(authTokenSecretRef=KEY), ONE_KEY),
    ("no key of the Secret", {"apiKeySecretRef": {"name": "a"}}, "spec.apiKeySecretRef.key: Required value"),
    ("Secret in capitals", {"apiKeySecretRef": KEY | {"name": "A"}}, "name of a Secret has lower case letters, digits"),
    ("Secret of another namespace", {"apiKeySecretRef": KEY | {"name": "team-b/key"}}, "name of a Secret has lower"),
    ("key with a slash", {"authTokenSecretRef": KEY | {"key": "a/b"}}, "key of a Secret has letters, digits, -, _"),
    ("workspace of 128", with_(workspaceId="w" * 128), ACCEPTED),
    ("workspace of 129", with_(workspaceId="w" * 129), "spec.workspaceId: Too long: may not be more than 128"),
    ("workspace empty", with_(workspaceId=""), WORKSPACE),
    ("workspace with a blank", with_(workspaceId="w 1"), WORKSPACE),
    ("workspace with a line break", with_(workspaceId="w\nx-api-key: a"), WORKSPACE),
    ("workspace with an umlaut", with_(workspaceId="wä"), WORKSPACE),
    ("two values in one", with_(betaHeaders=["a,b"]), BETA),
    ("a value with a blank", with_(betaHeaders=["a b"]), BETA),
    ("a value with a line break", with_(betaHeaders=["a\nb"]), BETA),
    ("an empty value", with_(betaHeaders=[""]), BETA),
    ("a value twice", with_(betaHeaders=["a", "a"]), 'spec.betaHeaders[1]: Duplicate value: "a"'),
    ("a value of 129", with_(betaHeaders=["a" * 129]), "spec.betaHeaders[0]: Too long: may not be more than 128"),
    ("20 values", with_(betaHeaders=[f"b{n}" for n in range(20)]), ACCEPTED),
    ("21 values", with_(betaHeaders=[f"b{n}" for n in range(21)]), "spec.betaHeaders: Too many: 21: must have at most"),
    ("no creations", with_(createsPerMinute=0), "spec.createsPerMinute in body should be greater than or equal to 1"),
    ("creations beyond", with_(createsPerMinute=1_000_001), "spec.createsPerMinute in body should be less than or"),
    ("no calls", with_(requestsPerMinute=0), "spec.requestsPerMinute in body should be greater than or equal to 1"),
    ("calls beyond", with_(requestsPerMinute=1_000_001), "spec.requestsPerMinute in body should be less than or"),
    ("calls as text", with_(requestsPerMinute="many"), "spec.requestsPerMinute in body must be of type integer"),
]

NAMED = "name of a namespace has lower case letters, digits and - and begins and ends with a letter or digit: write it"
VALUES = "values are needed with operator In or NotIn, and with these alone: set values, or remove them"
LABEL = (
    "key of a label has letters, digits, -, _ and ., with a prefix and / before them if need be: write it as kubectl"
)
VALUE = "value of a label has letters, digits, -, _ and ., and begins and ends with a letter or digit: write it as"
LONG_LABEL = "p" * 253 + "/" + "n" * 63
ALLOWED = [
    ("names", allowed(names=["team-a", "team-b"]), ACCEPTED),
    ("everybody", allowed(selector={}), ACCEPTED),
    ("nobody", allowed(), ACCEPTED),
    ("labels", allowed(selector={"matchLabels": {"example.com/team": "blue", "empty": ""}}), ACCEPTED),
    ("In", where(operator="In", values=["blue", ""]), ACCEPTED),
    ("NotIn", where(operator="NotIn", values=["blue"]), ACCEPTED),
    ("Exists", where(operator="Exists"), ACCEPTED),
    ("DoesNotExist", where(operator="DoesNotExist", values=[]), ACCEPTED),
    ("the longest label", where(key=LONG_LABEL, operator="Exists"), ACCEPTED),
    ("a name in capitals", allowed(names=["Team"]), NAMED),
    ("a name with a star", allowed(names=["team-*"]), NAMED),
    ("a name twice", allowed(names=["a", "a"]), "spec.allowedNamespaces.names[1]: Duplicate value"),
    ("1001 names", allowed(names=[f"n{n}" for n in range(1001)]), "allowedNamespaces.names: Too many: 1001"),
    ("In without values", where(operator="In"), VALUES),
    ("NotIn of no values", where(operator="NotIn", values=[]), VALUES),
    ("Exists with values", where(operator="Exists", values=["a"]), VALUES),
    ("DoesNotExist with values", where(operator="DoesNotExist", values=["a"]), VALUES),
    (
        "another operator",
        where(operator="Gt", values=["1"]),
        'supported values: "In", "NotIn", "Exists", "DoesNotExist"',
    ),
    ("no operator", where(), "matchExpressions[0].operator: Required value"),
    ("no label", allowed(selector={"matchExpressions": [{"operator": "Exists"}]}), "matchExpressions[0].key: Required"),
    ("a label with a blank", where(key="a b", operator="Exists"), LABEL),
    ("a label of two slashes", where(key="a/b/c", operator="Exists"), LABEL),
    ("a value with a blank", where(operator="In", values=["a b"]), VALUE),
    ("a label to match with a blank", allowed(selector={"matchLabels": {"a b": "c"}}), LABEL),
    ("no label to match", allowed(selector={"matchLabels": {"": "c"}}), LABEL),
    ("a value to match with a blank", allowed(selector={"matchLabels": {"a": "b c"}}), VALUE),
    (
        "a value to match of 64",
        allowed(selector={"matchLabels": {"a": "b" * 64}}),
        "matchLabels.a: Too long: may not be",
    ),
    ("17 labels", allowed(selector={"matchLabels": {f"l{n}": "v" for n in range(17)}}), "matchLabels: Too many: 17"),
]

TABLE = [
    *((kind, f"{kind}: baseURL, {case}", url(text), says) for kind in KINDS for case, text, says in ADDRESSES),
    *((kind, f"{kind}: {case}", spec, says) for kind in KINDS for case, spec, says in FIELDS),
    *(("ClusterConnection", f"allowed: {case}", spec, says) for case, spec, says in ALLOWED),
]


@pytest.fixture(scope="module")
def answers(kubectl):
    objects = [connection(kind, f"row-{n}", spec) for n, (kind, _, spec, _) in enumerate(TABLE)]
    return kubectl.each("create", "--dry-run=server", objects=objects)


@pytest.mark.parametrize("row", range(len(TABLE)), ids=[case for _, case, _, _ in TABLE])
def test_creation(answers, row):
    kind, _, _, says = TABLE[row]
    said = answers[f"row-{row}"]
    if says is ACCEPTED:
        assert said is None
    else:
        assert said is not None, "was accepted"
        assert says.replace("{}", kind) in said


def test_a_password_is_not_repeated(answers):
    said = [answers[f"row-{n}"] for n, (_, _, spec, _) in enumerate(TABLE) if "sec" in spec.get("baseURL", "")]
    assert len(said) == 4
    assert not any("sec" in each.replace("Secret", "") for each in said)


@pytest.mark.parametrize("text", [text for _, text, says in ADDRESSES if says is ACCEPTED])
def test_what_is_accepted_is_an_address_to_the_client(text):
    assert httpx.URL(text).host


FIXED_URL = (
    "spec.baseURL: Forbidden: baseURL is fixed, because the sessions that were made there stay there: put it back"
)
FIXED_WORKSPACE = "spec.workspaceId: Forbidden: workspaceId is fixed once it is set, because sessions stay in their"
FULL = with_(baseURL="https://example.com", workspaceId="wrkspc_1", betaHeaders=["a"])
EDITS = [
    ("nothing", FULL, {}, ACCEPTED),
    ("another Secret", FULL, {"apiKeySecretRef": {"name": "other", "key": "k"}}, ACCEPTED),
    ("a token for a key", FULL, {"apiKeySecretRef": GONE, "authTokenSecretRef": KEY}, ACCEPTED),
    ("beta headers", FULL, {"betaHeaders": ["b", "c"]}, ACCEPTED),
    ("the pace", FULL, {"createsPerMinute": 1, "requestsPerMinute": 2}, ACCEPTED),
    ("another URL", FULL, {"baseURL": "https://evil.example.com"}, FIXED_URL),
    ("the URL taken out, which is the default", FULL, {"baseURL": GONE}, FIXED_URL),
    ("a URL given late, which the default was", MINIMAL, {"baseURL": "https://evil.example.com"}, FIXED_URL),
    ("the default written out", MINIMAL, {"baseURL": "https://api.anthropic.com"}, ACCEPTED),
    ("a workspace given late", MINIMAL, {"workspaceId": "wrkspc_1"}, ACCEPTED),
    ("another workspace", FULL, {"workspaceId": "wrkspc_2"}, FIXED_WORKSPACE),
    ("the workspace taken out", FULL, {"workspaceId": GONE}, FIXED_WORKSPACE),
    ("no key any more", FULL, {"apiKeySecretRef": GONE}, ONE_KEY),
]
CHANGES = [(kind, *row) for kind in KINDS for row in EDITS]


@pytest.fixture(scope="module")
def said(kubectl):
    """To each edit of an object that was made and has a status."""
    made = [connection(kind, f"edit-{n}", before) for n, (kind, _, before, _, _) in enumerate(CHANGES)]
    assert set(kubectl.each("create", objects=made).values()) == {None}
    known = [each | {"status": STATUS} for each in made]
    assert set(kubectl.each("replace", "--subresource=status", objects=known).values()) == {None}
    after = [each | {"spec": edited(each["spec"], row[3])} for each, row in zip(made, CHANGES, strict=True)]
    yield kubectl.each("replace", objects=after)
    kubectl("delete", "--wait=false", objects=made)


@pytest.mark.parametrize("row", range(len(CHANGES)), ids=[f"{kind}: {case}" for kind, case, *_ in CHANGES])
def test_edit(said, row):
    kind, _, _, _, says = CHANGES[row]
    answer = said[f"edit-{row}"]
    if says is ACCEPTED:
        assert answer is None
    else:
        assert answer is not None, "was accepted"
        assert says.replace("{}", kind) in answer
        if says in (FIXED_URL, FIXED_WORKSPACE):
            assert f"put it back, or make another {kind}" in answer


@pytest.fixture(params=KINDS)
def kind(request, kubectl):
    """Whatever a test makes is cleared away."""
    yield request.param
    kubectl("delete", KIND_OF[request.param], NAME, "--ignore-not-found", "--wait=false")


@pytest.fixture
def stands(kubectl, kind):
    return lambda: json.loads(kubectl("get", KIND_OF[kind], NAME, "--output=json"))


def test_defaults_are_written_out(kubectl, kind, stands):
    kubectl("create", objects=[connection(kind, NAME, MINIMAL, status=STATUS)])
    assert stands()["spec"] == MINIMAL | DEFAULTS
    assert stands()["status"] == {"observedGeneration": -1}


def test_every_field_of_status_comes_back(kubectl, kind, stands):
    kubectl("create", objects=[connection(kind, NAME, MINIMAL)])
    how = ("--subresource=status", "--type=merge")
    kubectl("patch", KIND_OF[kind], NAME, *how, f"--patch={json.dumps({'status': STATUS})}")
    assert stands()["status"] == STATUS


def test_a_word_for_the_circuit_that_there_is_not_is_refused(kubectl, kind):
    kubectl("create", objects=[connection(kind, NAME, MINIMAL)])
    how = ("--subresource=status", "--type=merge", '--patch={"status":{"circuit":"open"}}')
    assert 'supported values: "Closed", "Open"' in kubectl.refused("patch", KIND_OF[kind], NAME, *how)


def test_two_owners_apply_beta_headers_of_their_own(kubectl, kind, stands):
    for owner in ("one", "two"):
        made = connection(kind, NAME, with_(betaHeaders=[owner]))
        kubectl("apply", "--server-side", f"--field-manager={owner}", objects=[made])
    assert stands()["spec"]["betaHeaders"] == ["one", "two"]
    kubectl("apply", "--server-side", "--field-manager=two", objects=[connection(kind, NAME, MINIMAL)])
    assert stands()["spec"]["betaHeaders"] == ["one"]


def test_apply_of_another_url_is_refused(kubectl, kind):
    kubectl("apply", "--server-side", objects=[connection(kind, NAME, MINIMAL)])
    other = connection(kind, NAME, url("https://evil.example.com"))
    assert FIXED_URL in kubectl.refused("apply", "--server-side", objects=[other])


def test_columns_and_short_names(kubectl, kind):
    made = connection(kind, NAME, MINIMAL)
    kubectl("create", objects=[made])
    kubectl("replace", "--subresource=status", objects=[made | {"status": STATUS}])
    short = {"Connection": "mac", "ClusterConnection": "macc"}[kind]
    head, row = (line.split() for line in kubectl("get", short, NAME, "--output=wide").splitlines())
    assert head == ["NAME", "READY", "SESSIONS", "WORKSPACE", "AGE", "URL", "CIRCUIT", "REASON"]
    assert row[:4] == [NAME, "False", "12", "wrkspc_1"]
    assert row[5:] == ["https://api.anthropic.com", "Open", "KeyRefused"]
    assert kubectl("get", short, NAME).split()[:5] == head[:5]
    assert f"{kind.lower()}.managedagents.dev/{NAME}" in kubectl("get", "managedagents", "--output=name")


@pytest.mark.parametrize("spec", [with_(baseUrl="https://example.com"), with_(apiKey="sk-ant-1"), with_(secretRef=KEY)])
def test_an_unknown_field_is_refused_by_name(kubectl, kind, spec):
    [field] = set(spec) - set(MINIMAL)
    said = kubectl.refused("create", "--dry-run=server", objects=[connection(kind, NAME, spec)])
    assert f'unknown field "spec.{field}"' in said


def test_one_of_a_namespace_serves_no_others(kubectl):
    made = connection("Connection", NAME, allowed(names=["team-b"]))
    said = kubectl.refused("create", "--dry-run=server", objects=[made])
    assert 'unknown field "spec.allowedNamespaces"' in said


def test_two_owners_allow_namespaces_of_their_own(kubectl):
    try:
        for owner in ("one", "two"):
            made = connection("ClusterConnection", NAME, allowed(names=[owner]))
            kubectl("apply", "--server-side", f"--field-manager={owner}", objects=[made])
        spec = json.loads(kubectl("get", "macc", NAME, "--output=json"))["spec"]
        assert spec["allowedNamespaces"] == {"names": ["one", "two"]}
    finally:
        kubectl("delete", "macc", NAME, "--wait=false")


def test_the_largest_of_all_is_made_and_edited(kubectl):
    expressions = [
        {"key": LONG_LABEL[n:], "operator": "In", "values": [f"{v:063}" for v in range(64)]} for n in range(16)
    ]
    selector = {"matchLabels": {LONG_LABEL[n:]: "v" * 63 for n in range(16)}, "matchExpressions": expressions}
    spec = allowed(names=[f"n{n:062}" for n in range(1000)], selector=selector) | {
        "baseURL": "https://example.com/" + "p" * 492,
        "apiKeySecretRef": {"name": "n" * 253, "key": "k" * 253},
        "workspaceId": "w" * 128,
        "betaHeaders": [f"{n:0128}" for n in range(20)],
    }
    made = connection("ClusterConnection", "large", spec)
    kubectl("create", objects=[made])
    try:
        kubectl("replace", objects=[made | {"spec": spec | {"createsPerMinute": 1}}])
        turned = spec["allowedNamespaces"] | {"names": spec["allowedNamespaces"]["names"][::-1]}
        kubectl("replace", objects=[made | {"spec": spec | {"allowedNamespaces": turned}}])
    finally:
        kubectl("delete", "macc", "large", "--wait=false")


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("connections.spec.apiKeySecretRef", "Secret with the API key, sent as x-api-key, to baseURL alone."),
        ("clusterconnections.spec.allowedNamespaces.selector", "An empty selector is every namespace."),
        ("connections.status.circuit", "Open: the API refuses the key (401, 402, 403)"),
    ],
)
def test_explain(kubectl, field, says):
    assert says in " ".join(kubectl("explain", field).split())
