"""deploy/ is linted, names only what exists, and grants no more than is needed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.urls import resolve

from dashboard.access.person import Right
from dashboard.access.rights import right_of
from tests.peers import deployed
from tests.peers.deployed import DEPLOY, deploycheck
from tests.peers.running import ROOT

FILES = [p for p in DEPLOY.rglob("*") if p.is_file() and p.name != ".env"]
OTHERS = {  # names in deploy/ that are not Spanboard's
    "POSTGRES_USER",
    "POSTGRES_DB",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "REDISCLI_AUTH",
    "POD_IP",
    "OTHER_HOSTS",
}


def tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def environments() -> dict[str, dict[str, object]]:
    """Variables of each container, by where they are set."""
    found = {
        f"compose {name}": service.get("environment", {})
        for name, service in deployed.compose()["services"].items()
    }
    for name, pod in deployed.pods().items():
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            names = {entry["name"]: entry for entry in container["env"]}
            found[f"{name} {container['name']}"] = names
    config = next(m for m in deployed.manifests() if m["kind"] == "ConfigMap")
    found["config"] = config["data"]
    return found


def test_every_variable_is_a_setting_that_is_documented() -> None:
    documented = set(
        re.findall(r"`(SPANBOARD_[A-Z_]+)`", (ROOT / "docs/settings.md").read_text())
    )
    for place, names in environments().items():
        assert names.keys() <= documented | OTHERS, place
    for path in FILES:
        used = set(re.findall(r"\bSPANBOARD_[A-Z_]+", path.read_text("utf-8")))
        assert used <= documented, path.name


def test_lint_finds_nothing() -> None:
    for command in (
        [tool("hadolint"), "deploy/Dockerfile"],
        [tool("yamllint"), "--strict", "deploy"],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_manifests_fit_the_schemas_of_kubernetes(tmp_path: Path) -> None:
    rendered = deploycheck("kustomize", str(DEPLOY / "kubernetes"))
    assert rendered.returncode == 0, rendered.stderr
    objects = list(yaml.safe_load_all(rendered.stdout))
    assert len(objects) == len(deployed.manifests())
    assert {m["metadata"].get("namespace", "tracing") for m in objects} == {"tracing"}
    whole = tmp_path / "all.yaml"
    whole.write_text(rendered.stdout)
    for path in (whole, DEPLOY / "kubernetes/secret.example.yaml"):
        done = subprocess.run(
            [tool("kubernetes-validate"), "--strict", str(path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert " passed for resource" in done.stdout + done.stderr


def test_compose_is_accepted_only_with_every_secret_filled(tmp_path: Path) -> None:
    example = (DEPLOY / ".env.example").read_text()
    file = str(DEPLOY / "compose.yaml")
    assert "is missing a value" in deploycheck("compose", file).stderr
    needed = ("SPANBOARD_SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD")
    for left_out in (*needed, None):
        text = example
        for name in needed:
            assert f"\n{name}=\n" in text
            value = "" if name == left_out else "6f0c"
            text = text.replace(f"\n{name}=\n", f"\n{name}={value}\n")
        env = tmp_path / "env"
        env.write_text(text)
        done = deploycheck("compose", file, str(env))
        assert (done.returncode == 0) == (left_out is None), done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    published = [p for s in services.values() for p in s.get("ports", ())]
    assert [port["host_ip"] for port in published] == ["127.0.0.1"]


def test_the_image_holds_what_runs_and_its_sources_exist(tmp_path: Path) -> None:
    paths = {str(path) for path in deployed.copied(tmp_path)}
    assert {"webapp", "dashboard", "templates", "static", "locale"} <= paths
    assert (tmp_path / "locale/zh_Hans/LC_MESSAGES/django.mo").stat().st_size > 1000
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{path}" for path in paths} <= set(allowed)
    rules = deployed.dockerfile()
    assert [rest for word, rest in rules if word == "USER"] == ["10001:10001"]
    assert any("--require-hashes" in rest for word, rest in rules if word == "RUN")


@pytest.mark.parametrize("name", sorted(deployed.pods()))
def test_pods_have_no_rights_beyond_their_work(name: str) -> None:
    pod = deployed.pods()[name]
    assert pod["automountServiceAccountToken"] is False
    outer = pod["securityContext"]
    assert outer["runAsNonRoot"]
    assert outer["runAsUser"] == 10001
    assert outer["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in [*pod.get("initContainers", ()), *pod["containers"]]:
        inner = container["securityContext"]
        assert inner["readOnlyRootFilesystem"]
        assert inner["allowPrivilegeEscalation"] is False
        assert inner["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        assert container["resources"]["requests"]["cpu"]
        assert {m["mountPath"] for m in container["volumeMounts"]} == {"/data", "/tmp"}


def test_services_of_compose_have_no_rights_beyond_their_work() -> None:
    for name, service in deployed.compose()["services"].items():
        if name != "postgres":  # its image changes its user by itself
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
        assert ("ports" in service) == (name == "web")


def test_nobody_is_taken_for_a_local_user() -> None:
    """Sidecars, port-forwards and published ports may come from the loopback."""
    found = environments()
    for place in ("config", "compose web"):
        assert found[place]["SPANBOARD_LOCAL_USER"] == "0"
        assert found[place]["SPANBOARD_DEMO"] == "0"
    for words in deployed.commands().values():
        assert "uvicorn" not in words or "--no-proxy-headers" in words


def test_exactly_one_beat_that_never_overlaps() -> None:
    found = [m for m in deployed.manifests() if m["metadata"]["name"].endswith("beat")]
    assert [m["spec"]["replicas"] for m in found] == [1]
    assert found[0]["spec"]["strategy"] == {"type": "Recreate"}
    beats = [place for place, words in deployed.commands().items() if "beat" in words]
    assert len(beats) == 2  # compose and Kubernetes


def queues_of(words: list[str]) -> set[str]:
    """The queues that a worker reads; without a list, the default one."""
    for flag in ("-Q", "--queues"):
        if flag in words:
            return set(words[words.index(flag) + 1].split(","))
    return {"celery"}


@pytest.mark.parametrize("kind", ["compose", "spanboard-"])
def test_every_queue_has_a_worker(kind: str) -> None:
    default = getattr(settings, "CELERY_TASK_DEFAULT_QUEUE", "celery")
    routes = getattr(settings, "CELERY_TASK_ROUTES", {})
    wanted = {default, *(route["queue"] for route in routes.values())}
    read = [
        queues_of(words)
        for place, words in deployed.commands().items()
        if "worker" in words and place.startswith(kind)
    ]
    assert set().union(*read) == wanted


def test_probes_and_scrapes_ask_for_addresses_that_exist() -> None:
    web = deployed.pods()["spanboard-web"]["containers"][0]
    probes = {
        kind: web[f"{kind}Probe"]["httpGet"]
        for kind in ("startup", "readiness", "liveness")
    }
    assert {kind: probe["path"] for kind, probe in probes.items()} == {
        "startup": "/healthz",
        "readiness": "/readyz",
        "liveness": "/healthz",
    }
    deployment = next(
        m for m in deployed.manifests() if m["metadata"]["name"] == "spanboard-web"
    )
    told = deployment["spec"]["template"]["metadata"]["annotations"]
    assert resolve(told["prometheus.io/path"]).url_name == "metrics"
    assert told["prometheus.io/port"] == str(web["ports"][0]["containerPort"])
    for probe in probes.values():
        assert right_of(resolve(probe["path"]).url_name) is Right.OPEN
        assert {"name": "Host", "value": "localhost"} in probe["httpHeaders"]
