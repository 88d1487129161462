"""What the chart may and may not give away."""
import itertools

from rendering import CHART, NAMESPACE, from_file, render

READS = {"get", "list", "watch"}


def triples(rules):
    """(group, resource, verb) of each thing that rules allow."""
    return {each for rule in rules for each in itertools.product(rule["apiGroups"], rule["resources"], rule["verbs"])}


def roles(rendered):
    return rendered.of("ClusterRole") + rendered.of("Role")


def test_pods_are_restricted(rendered):
    for name, _, spec in rendered.pods():
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] is True and pod["runAsUser"] > 0 and pod["runAsGroup"] > 0, name
        assert pod["seccompProfile"]["type"] == "RuntimeDefault", name
        assert not any(spec.get(field) for field in ("hostNetwork", "hostPID", "hostIPC")), name
        for container in spec["containers"] + spec.get("initContainers", []):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False and security["readOnlyRootFilesystem"] is True, name
            assert security["capabilities"] == {"drop": ["ALL"]} and not security.get("privileged"), name
            assert container["resources"]["limits"]["memory"] and container["resources"]["requests"], name
            assert not any("hostPort" in port for port in container.get("ports", [])), name
        for volume in spec.get("volumes", []):
            kind = set(volume) - {"name"}
            assert kind <= {"configMap", "secret", "emptyDir", "projected", "persistentVolumeClaim"}, (name, kind)


def test_pods_have_probes(rendered):
    for name, _, spec in rendered.pods():
        if name.endswith("-test"):
            continue
        container = spec["containers"][0]
        paths = {probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
        assert paths["livenessProbe"] == "/livez" and paths["readinessProbe"] == "/readyz", name


def test_the_pod_outlives_its_requests():
    spec = render().one("Deployment")["spec"]["template"]["spec"]
    pause = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] > pause + 25


def test_only_the_agent_gets_a_token(rendered):
    holders = [name for name, _, spec in rendered.pods() if spec["automountServiceAccountToken"]]
    assert holders == ["rel-faultline"]
    assert rendered.one("ServiceAccount")["automountServiceAccountToken"] is False


def test_no_role_holds_secrets_exec_or_wildcards(rendered):
    for role in roles(rendered):
        for group, resource, verb in triples(role["rules"]):
            assert "*" not in (group, resource, verb), role["metadata"]["name"]
            assert resource not in ("secrets", "pods/exec", "pods/attach", "pods/portforward", "serviceaccounts/token"), role["metadata"]["name"]
            assert verb not in ("escalate", "bind", "impersonate", "deletecollection"), role["metadata"]["name"]


def test_the_reader_holds_exactly_what_the_program_reads(reader_rules):
    assert render().one("ClusterRole")["rules"] == reader_rules


def test_by_namespaces_it_holds_the_same_in_parts(reader_rules):
    rendered = render({"rbac": {"namespaces": ["shop"]}})
    outside, inside = triples(rendered.one("ClusterRole")["rules"]), triples(rendered.one("Role")["rules"])
    assert outside | inside == triples(reader_rules) and not outside & inside
    assert {resource for _, resource, _ in outside} == {"nodes", "namespaces", "persistentvolumes", "storageclasses", "apiservices"}


def test_a_guest_reads_its_namespaces_and_no_logs():
    rendered = from_file(CHART / "ci/namespaced-values.yaml")
    assert rendered.of("ClusterRole") == [] and rendered.of("ClusterRoleBinding") == []
    assert {role["metadata"]["namespace"] for role in rendered.of("Role")} == {"shop", "payments"}
    assert all("pods/log" not in rule["resources"] for role in rendered.of("Role") for rule in role["rules"])


def test_without_remediation_nothing_can_be_written(rendered):
    enabled = rendered.one("ConfigMap", "rel-faultline")["data"]["REMEDIATION_MODE"] != "off"
    writes = {verb for role in roles(rendered) for _, _, verb in triples(role["rules"])} - READS
    assert bool(writes) == enabled
    assert render().one("ConfigMap")["data"]["REMEDIATION_MODE"] == "off"


def test_remediation_writes_only_in_the_listed_namespaces():
    rendered = from_file(CHART / "ci/remediation-values.yaml")
    writing = [role for role in roles(rendered) if {verb for _, _, verb in triples(role["rules"])} - READS]
    places = {(role["kind"], role["metadata"].get("namespace")) for role in writing}
    assert places == {("Role", "shop"), ("Role", "payments"), ("Role", "default"), ("ClusterRole", None)}
    nodes = next(role for role in writing if role["kind"] == "ClusterRole")
    assert triples(nodes["rules"]) == {("", "nodes", "patch")}
    told = next(role for role in writing if role["metadata"].get("namespace") == "default")
    assert triples(told["rules"]) == TOLD, "events about nodes are there, and nothing else is written"


TOLD = {("", "events", "create")}


def test_all_actions_together_are_what_the_program_writes(writer_rules):
    every = dict.fromkeys(("deletePod", "evictPod", "rollout", "scale", "rerunJob", "cordonNode"), True)
    rendered = render({"rbac": {"create": False}, "remediation": {"enabled": True, "namespaces": ["shop"], "actions": every}})
    assert set().union(*(triples(role["rules"]) for role in roles(rendered))) == triples(writer_rules)


def test_each_action_brings_its_own_verbs_and_no_others():
    off = dict.fromkeys(("deletePod", "evictPod", "rollout", "scale", "rerunJob", "cordonNode"), False)
    expected = {
        "deletePod": {("", "pods", "delete")},
        "evictPod": {("", "pods/eviction", "create")},
        "rollout": {("apps", kind, "patch") for kind in ("deployments", "statefulsets", "daemonsets")},
        "scale": {("apps", f"{kind}/scale", "patch") for kind in ("deployments", "statefulsets")},
        "rerunJob": {("batch", "jobs", "create"), ("batch", "jobs", "delete")},
        "cordonNode": {("", "nodes", "patch")},
    }
    for action, allowed in expected.items():
        values = {"rbac": {"create": False}, "remediation": {"enabled": True, "namespaces": ["shop"], "actions": {**off, action: True}}}
        rendered = render(values)
        assert set().union(*(triples(role["rules"]) for role in roles(rendered))) == allowed | TOLD, action


def test_bindings_bind_our_account_to_roles_that_exist(rendered):
    known = {(role["kind"], role["metadata"].get("namespace"), role["metadata"]["name"]) for role in roles(rendered)}
    account = rendered.one("ServiceAccount")["metadata"]["name"]
    for binding in rendered.of("ClusterRoleBinding") + rendered.of("RoleBinding"):
        role = binding["roleRef"]
        assert role["name"] == "system:auth-delegator" or (role["kind"], binding["metadata"].get("namespace"), role["name"]) in known
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}]


def test_nobody_reaches_it_but_the_named_callers():
    policy = from_file(CHART / "ci/replicas-values.yaml").one("NetworkPolicy", "rel-faultline")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule.get("from") for rule in policy["ingress"]) and all("ports" in rule for rule in policy["ingress"])
    peers = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
             for rule in policy["ingress"] for peer in rule["from"] if "namespaceSelector" in peer]
    assert peers == ["ingress-nginx", "backstage", "monitoring"]


def test_it_reaches_only_what_is_named():
    def ports(values):
        policy = render(values).one("NetworkPolicy", "rel-faultline")["spec"]
        assert all(rule.get("ports") for rule in policy["egress"]), "a rule without ports allows all of them"
        return {port["port"] for rule in policy["egress"] for port in rule["ports"]}

    assert ports({}) == {53, 443, 6443}
    assert ports({"qdrant": {"enabled": True}}) == {53, 443, 6443, "grpc"}
    assert ports({"qdrant": {"url": "http://q:6334"}}) == {53, 443, 6443, 6334}
    assert ports({"database": {"existingSecret": "db"}}) == {53, 443, 6443, 5432}
    assert ports({"networkPolicy": {"egress": {"otlp": {"enabled": True}}}}) == {53, 443, 6443, 4317}


def test_the_address_where_clouds_hand_out_credentials_is_out_of_reach():
    policy = render().one("NetworkPolicy")["spec"]
    blocks = [peer["ipBlock"] for rule in policy["egress"] for peer in rule.get("to", []) if "ipBlock" in peer]
    assert {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]} in blocks
    assert all("except" in block for block in blocks if block["cidr"].endswith("/0"))


def test_qdrant_is_reached_by_the_agent_alone():
    rendered = from_file(CHART / "ci/replicas-values.yaml")
    policy = rendered.one("NetworkPolicy", "rel-faultline-qdrant")["spec"]
    assert policy["egress"] == [] and len(policy["ingress"]) == 1
    agent = policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    assert agent["app.kubernetes.io/component"] == "agent"


def test_several_replicas_are_spread_and_kept():
    rendered = from_file(CHART / "ci/replicas-values.yaml")
    deployment = rendered.one("Deployment")["spec"]
    assert "replicas" not in deployment and deployment["strategy"]["type"] == "RollingUpdate"
    assert {each["topologyKey"] for each in deployment["template"]["spec"]["topologySpreadConstraints"]} == {
        "topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert rendered.one("PodDisruptionBudget") and rendered.one("HorizontalPodAutoscaler")
    assert rendered.of("PersistentVolumeClaim") == []


def test_one_replica_keeps_its_data_and_has_no_disruption_budget():
    rendered = render()
    assert rendered.of("PodDisruptionBudget") == [] and rendered.one("PersistentVolumeClaim")
    assert rendered.one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}


def test_identity_annotations_reach_the_account_and_the_pod():
    rendered = from_file(CHART / "ci/namespaced-values.yaml")
    assert "eks.amazonaws.com/role-arn" in rendered.one("ServiceAccount")["metadata"]["annotations"]
    assert rendered.one("Deployment")["spec"]["template"]["metadata"]["labels"]["azure.workload.identity/use"] == "true"
