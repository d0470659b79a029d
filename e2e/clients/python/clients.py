"""The Python client against whatever server $KUBECONFIG names: what it saw, as JSON lines that say nothing of the
moment or of the server, so that the lines of two servers that behave alike are the same."""

import argparse
import json
import logging
import multiprocessing
import os
import re
import sys
import tempfile
import time
import uuid

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.dynamic.exceptions import DynamicApiError
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.stream import stream

GROUP = "python.clients.example.com"

UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{6})?(Z|\+00:00)")
ADDRESS = re.compile(r"\b(10|127)\.\d+\.\d+\.\d+\b")


def replaced(value, key=""):
    """A value of JSON with what servers make up replaced by the name of its kind."""
    if isinstance(value, dict):
        return {name: replaced(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        found = [replaced(inner, key) for inner in value]
        # Managed fields come by the second they were written in, which is chance.
        return sorted(found, key=lambda each: json.dumps(each, sort_keys=True)) if key == "managedFields" else found
    if isinstance(value, str):
        if key == "resourceVersion" and value.isdigit():
            return "REVISION"
        if key == "continue" and value:
            return "TOKEN"
        return ADDRESS.sub("ADDRESS", TIME.sub("TIME", UID.sub("UID", value)))
    return value


def say(step, **facts):
    print(json.dumps({"step": step, **replaced(facts)}, sort_keys=True), flush=True)


def plain(answer):
    """An answer of the generated client as JSON."""
    return client.ApiClient().sanitize_for_serialization(answer)


def outcome(step, ask, show=plain):
    """Says what was answered, or the refusal; returns the answer."""
    try:
        answer = ask()
    except (ApiException, DynamicApiError) as refused:
        body = refused.body.decode() if isinstance(refused.body, bytes) else refused.body
        say(step, refused=json.loads(body) if body else refused.status)
        return None
    say(step, answer=show(answer))
    return answer


def as_dict(answer):
    """An answer of the dynamic client as JSON."""
    return answer.to_dict()


def eventually(what, holds, seconds=60):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise TimeoutError(f"it never came about: {what}")


def make_namespace(core, name):
    core.create_namespace({"metadata": {"name": name}})

    def has_account():
        try:
            core.read_namespaced_config_map("kube-root-ca.crt", name)
            return core.read_namespaced_service_account("default", name)
        except ApiException as refused:
            if refused.status != 404:
                raise
            return None

    eventually("the namespace has its service account", has_account)


def objects(api, core, namespace, cache):
    body = client.V1ConfigMap(
        metadata=client.V1ObjectMeta(name="one", labels={"a": "b"}), data={"k": "v", "text": "héllo"}
    )
    made = outcome("create", lambda: core.create_namespaced_config_map(namespace, body))
    outcome("create again", lambda: core.create_namespaced_config_map(namespace, body))
    outcome("read what is absent", lambda: core.read_namespaced_config_map("absent", namespace))
    made.data = {"k": "w"}
    outcome("replace", lambda: core.replace_namespaced_config_map("one", namespace, made))
    made.data = {"k": "x"}
    outcome("replace what has changed", lambda: core.replace_namespaced_config_map("one", namespace, made))
    outcome("merge patch", lambda: core.patch_namespaced_config_map("one", namespace, {"data": {"k": None, "l": "1"}}))
    operations = [{"op": "add", "path": "/data/m", "value": "2"}, {"op": "test", "path": "/data/l", "value": "1"}]
    outcome("JSON patch", lambda: core.patch_namespaced_config_map("one", namespace, operations))
    found = dynamic.DynamicClient(api, cache_file=cache)
    maps = found.resources.get(api_version="v1", kind="ConfigMap")
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"l": "3"}}
    for step, force in (("apply meets conflicts", False), ("apply by force", True)):
        outcome(
            step,
            lambda: found.server_side_apply(
                maps, body=applied, namespace=namespace, field_manager="python", force_conflicts=force
            ),
            as_dict,
        )
    outcome("a wrong name", lambda: core.create_namespaced_config_map(namespace, {"metadata": {"name": "No_"}}))
    outcome(
        "strictly",
        lambda: core.create_namespaced_config_map(
            namespace, {"metadata": {"name": "strict"}, "dta": {}}, field_validation="Strict"
        ),
    )
    outcome("dry", lambda: core.create_namespaced_config_map(namespace, {"metadata": {"name": "dry"}}, dry_run="All"))
    for at in range(7):
        labels = {"half": "odd" if at % 2 else "even"}
        core.create_namespaced_config_map(namespace, {"metadata": {"name": f"page-{at}", "labels": labels}})
    found, token = [], None
    while True:
        page = core.list_namespaced_config_map(namespace, limit=3, _continue=token)
        found.append([item.metadata.name for item in page.items])
        token = page.metadata._continue
        if not token:
            break
    say("pages", pages=found, remaining=page.metadata.remaining_item_count)
    odd = core.list_namespaced_config_map(namespace, label_selector="half=odd", field_selector="metadata.name!=page-3")
    say("selected", names=[item.metadata.name for item in odd.items])
    outcome("a wrong selector", lambda: core.list_namespaced_config_map(namespace, label_selector="half in (odd"))
    outcome("delete", lambda: core.delete_namespaced_config_map("page-0", namespace))
    outcome("delete again", lambda: core.delete_namespaced_config_map("page-0", namespace))
    core.delete_collection_namespaced_config_map(namespace, label_selector="half")
    left = core.list_namespaced_config_map(namespace)
    say("left", names=[item.metadata.name for item in left.items])


def watching(core, namespace):
    start = core.list_namespaced_secret(namespace).metadata.resource_version
    core.create_namespaced_secret(namespace, {"metadata": {"name": "seen"}, "stringData": {"a": "1"}})
    core.patch_namespaced_secret("seen", namespace, {"stringData": {"b": "2"}})
    core.delete_namespaced_secret("seen", namespace)
    watched = watch.Watch()
    for event in watched.stream(core.list_namespaced_secret, namespace, resource_version=start, timeout_seconds=30):
        say("event", type=event["type"], object=event["raw_object"])
        if event["type"] == "DELETED":
            watched.stop()
    begun = time.monotonic()
    events = [
        event["type"]
        for event in watch.Watch().stream(core.list_namespaced_config_map, namespace, timeout_seconds=1)
        if event["object"].metadata.name == "one"
    ]
    say("a watch that ends", events=events, on_time=0.9 < time.monotonic() - begun < 5)


def typed(namespace):
    apps, batch = client.AppsV1Api(), client.BatchV1Api()
    labels = {"app": "typed"}
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=labels),
        spec=client.V1PodSpec(containers=[client.V1Container(name="main", image="example.com/none")]),
    )
    deployment = client.V1Deployment(
        metadata=client.V1ObjectMeta(name="typed"),
        spec=client.V1DeploymentSpec(replicas=0, selector=client.V1LabelSelector(match_labels=labels), template=template),
    )

    def without_status(answer):
        return {**plain(answer), "status": None, "metadata": None}

    outcome("deployment", lambda: apps.create_namespaced_deployment(namespace, deployment), without_status)
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "example.com/side"}]}}}}
    outcome("strategic patch", lambda: apps.patch_namespaced_deployment("typed", namespace, patch), without_status)
    outcome("scale", lambda: apps.read_namespaced_deployment_scale("typed", namespace))
    outcome("scaled", lambda: apps.patch_namespaced_deployment_scale("typed", namespace, {"spec": {"replicas": 0}}))
    outcome(
        "a job without a container",
        lambda: batch.create_namespaced_job(namespace, {"metadata": {"name": "wrong"}, "spec": {"template": {}}}),
    )


def custom(api, namespace, cache):
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {"size": {"type": "integer", "maximum": 9}, "word": {"type": "string", "default": "one"}},
            },
            "status": {"type": "object", "properties": {"phase": {"type": "string"}}},
        },
    }
    names = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    extensions = client.ApiextensionsV1Api()
    extensions.create_custom_resource_definition(definition)

    def is_established():
        found = extensions.read_custom_resource_definition(f"gadgets.{GROUP}")
        return any(c.type == "Established" and c.status == "True" for c in found.status.conditions or [])

    eventually("the definition is established", is_established)
    plain_client = client.CustomObjectsApi()
    where = (GROUP, "v1", namespace, "gadgets")

    def is_served():
        try:
            return plain_client.list_namespaced_custom_object(*where)
        except ApiException as refused:
            if refused.status != 404:
                raise
            return None

    eventually("the kind is served", is_served)
    gadget = {"apiVersion": f"{GROUP}/v1", "kind": "Gadget", "metadata": {"name": "one"}, "spec": {"size": 1}}
    outcome("custom object", lambda: plain_client.create_namespaced_custom_object(*where, gadget))
    outcome("its status", lambda: plain_client.patch_namespaced_custom_object_status(*where, "one", {"status": {"phase": "x"}}))
    wrong = {**gadget, "metadata": {"name": "two"}, "spec": {"size": 10}}
    outcome("a wrong one", lambda: plain_client.create_namespaced_custom_object(*where, wrong))

    found = dynamic.DynamicClient(api, cache_file=cache)
    say("discovered", version=found.version["kubernetes"]["minor"])
    gadgets = found.resources.get(api_version=f"{GROUP}/v1", kind="Gadget")
    say(
        "resource",
        name=gadgets.name,
        namespaced=gadgets.namespaced,
        verbs=sorted(gadgets.verbs),
        subresources=sorted(gadgets.subresources),
    )
    outcome("dynamic get", lambda: gadgets.get(name="one", namespace=namespace), as_dict)
    patch = {"spec": {"size": 2}}
    merge = "application/merge-patch+json"
    outcome("dynamic patch", lambda: gadgets.patch(body=patch, name="one", namespace=namespace, content_type=merge), as_dict)
    outcome("dynamic patch of a wrong type", lambda: gadgets.patch(body=patch, name="one", namespace=namespace), as_dict)
    applied = {**gadget, "spec": {"size": 3}}
    outcome(
        "dynamic apply meets conflicts",
        lambda: found.server_side_apply(gadgets, body=applied, name="one", namespace=namespace, field_manager="python"),
        as_dict,
    )
    outcome(
        "dynamic apply by force",
        lambda: found.server_side_apply(
            gadgets, body=applied, name="one", namespace=namespace, field_manager="python", force_conflicts=True
        ),
        as_dict,
    )
    events = []
    for event in gadgets.watch(namespace=namespace, timeout=2):
        events.append([event["type"], event["object"].metadata.name])
        if event["type"] == "ADDED":
            gadgets.delete(name="one", namespace=namespace)
        if event["type"] == "DELETED":
            break
    say("dynamic watch", events=events)
    outcome("dynamic get of what is gone", lambda: gadgets.get(name="one", namespace=namespace), as_dict)
    extensions.delete_custom_resource_definition(f"gadgets.{GROUP}")


MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: from-yaml}
data: {a: "1"}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: from-yaml}
  spec: {selector: {app: none}, ports: [{port: 80}]}
- apiVersion: policy/v1
  kind: PodDisruptionBudget
  metadata: {name: from-yaml}
  spec: {minAvailable: 1, selector: {matchLabels: {app: none}}}
"""


def from_yaml(api, namespace):
    import yaml

    made = utils.create_from_yaml(api, yaml_objects=list(yaml.safe_load_all(MANIFEST)), namespace=namespace)
    for group in made:
        for each in group if isinstance(group, list) else [group]:
            say("from YAML", object={**plain(each), "status": None})
    try:
        utils.create_from_yaml(api, yaml_objects=list(yaml.safe_load_all(MANIFEST)), namespace=namespace)
    except utils.FailToCreateError as failed:
        say("from YAML again", refused=[json.loads(each.body) for each in failed.api_exceptions])


def stand(name, namespace, leads):
    """Runs a candidate until the process is ended."""
    logging.disable(logging.CRITICAL)
    config.load_kube_config()
    leaderelection.LeaderElection(
        electionconfig.Config(
            ConfigMapLock("election", namespace, name),
            lease_duration=4,
            renew_deadline=3,
            retry_period=1,
            onstarted_leading=leads.set,
            onstopped_leading=None,
        )
    ).run()


def election(core, namespace):
    def start(name):
        leads = multiprocessing.Event()
        process = multiprocessing.Process(target=stand, args=(name, namespace, leads), daemon=True)
        process.start()
        return process, leads

    first, first_leads = start("first")
    assert first_leads.wait(30), "the first does not lead"
    second, second_leads = start("second")
    try:
        say("elected", second_leads=second_leads.wait(2))
        died = time.monotonic()
        first.kill()
        assert second_leads.wait(30), "the second does not take over"
        say("taken over", soon=1 < time.monotonic() - died < 9)
        # The leader's thread begins before its record is read again by others.
        lock = core.read_namespaced_config_map("election", namespace)
        record = json.loads(lock.metadata.annotations["control-plane.alpha.kubernetes.io/leader"])
        say("record", holder=record["holderIdentity"], seconds=record["leaseDurationSeconds"])
    finally:
        for process in (first, second):
            process.kill()
            process.join()


def pods(core, namespace):
    image = os.environ.get("CLIENTS_IMAGE", "docker.io/library/busybox:1")
    script = "trap 'exit 0' TERM; echo begun; while :; do sleep 0.1; done"
    container = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script]}
    spec = {"terminationGracePeriodSeconds": 5, "automountServiceAccountToken": False, "containers": [container]}
    core.create_namespaced_pod(namespace, {"metadata": {"name": "one"}, "spec": spec})

    def is_ready():
        status = core.read_namespaced_pod("one", namespace).status
        return any(c.type == "Ready" and c.status == "True" for c in status.conditions or []) and status

    status = eventually("the pod is ready", is_ready, 90)
    say("pod", phase=status.phase, qos=status.qos_class)
    log = eventually("the pod has a log", lambda: core.read_namespaced_pod_log("one", namespace))
    say("log", text=log)
    for line in watch.Watch().stream(core.read_namespaced_pod_log, "one", namespace, follow=True):
        say("followed log", line=line)
        break
    outcome("log of nothing", lambda: core.read_namespaced_pod_log("one", namespace, container="absent"))

    def run(command, **options):
        asked = {"stderr": True, "stdin": False, "stdout": True, "tty": False, **options}
        return stream(core.connect_get_namespaced_pod_exec, "one", namespace, command=command, **asked)

    say("exec", output=run(["sh", "-c", "echo out"]))
    said = run(["sh", "-c", "read line; echo \"got $line\"; echo err >&2; exit 3"], stdin=True, _preload_content=False)
    said.write_stdin("hello\n")
    said.run_forever(timeout=30)
    say("exec with input", output=said.read_stdout(), complaint=said.read_stderr(), code=said.returncode)
    said.close()
    large = run(["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x"], _preload_content=False)
    large.run_forever(timeout=60)
    say("much output", bytes=len(large.read_stdout()), code=large.returncode)
    large.close()
    eviction = {"metadata": {"name": "one", "namespace": namespace}}
    outcome("evict", lambda: core.create_namespaced_pod_eviction("one", namespace, eviction))

    def is_gone():
        try:
            return not core.read_namespaced_pod("one", namespace)
        except ApiException as refused:
            return refused.status == 404

    eventually("the evicted pod is gone", is_gone)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["api", "pods"])
    parser.add_argument("--namespace", default=f"python-{uuid.uuid4().hex[:8]}")
    asked = parser.parse_args()
    config.load_kube_config()
    api = client.ApiClient()
    core = client.CoreV1Api(api)
    make_namespace(core, asked.namespace)
    if asked.command == "pods":
        pods(core, asked.namespace)
        return
    # The dynamic client keeps what it discovered in a file.
    with tempfile.TemporaryDirectory(prefix="clients-python-") as scratch:
        cache = os.path.join(scratch, "discovery.json")
        objects(api, core, asked.namespace, cache)
        watching(core, asked.namespace)
        typed(asked.namespace)
        custom(api, asked.namespace, cache)
        from_yaml(api, asked.namespace)
        election(core, asked.namespace)


if __name__ == "__main__":
    # Candidates of the election are processes that begin anew, not copies of one with open connections.
    multiprocessing.set_start_method("spawn")
    try:
        main()
        say("verdict", ok=True)
    except Exception as failed:  # whatever it is: the last line says so
        say("verdict", ok=False, failed=repr(failed))
        sys.exit(1)
