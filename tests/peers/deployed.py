"""What deploy/ says, read once: manifests, the compose file, the Dockerfile."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.peers.need import need
from tests.peers.running import ROOT

DEPLOY = ROOT / "deploy"
CHECKER = ROOT / ".peers" / "deploycheck"
Content = dict[str, Any]


def deploycheck(*words: str) -> subprocess.CompletedProcess[str]:
    """Compose's own loader and Kustomize's own engine, built from their Go modules."""
    need(CHECKER.exists(), "deploycheck", "build tests/peers/go-deploy as .ci/run does")
    return subprocess.run(
        [str(CHECKER), *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": "/usr/bin:/bin"},
    )


def manifests() -> list[Content]:
    """All objects of the files that kustomization.yaml names."""
    listed = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text())
    return [
        content
        for name in listed["resources"]
        for content in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text())
    ]


def pod_of(manifest: Content) -> Content | None:
    """The pod's specification in a Deployment or a Job."""
    if manifest["kind"] not in ("Deployment", "Job"):
        return None
    return dict(manifest["spec"]["template"]["spec"])


def pods() -> dict[str, Content]:
    """Pods by the name of their Deployment or Job."""
    found = [(m["metadata"]["name"], pod_of(m)) for m in manifests()]
    return {name: pod for name, pod in found if pod is not None}


def compose() -> Content:
    """The compose file as it is written, its references to blocks resolved."""
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def dockerfile() -> list[tuple[str, str]]:
    """The instructions, with continued lines put together."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.M)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in lines if line.strip())
    ]


def image_command() -> list[str]:
    """What the image runs when it is told nothing."""
    return list(json.loads(next(rest for word, rest in dockerfile() if word == "CMD")))


def commands() -> dict[str, list[str]]:
    """Every command line in deploy/, by where it stands."""
    found = {"Dockerfile": image_command()}
    for name, service in compose()["services"].items():
        if "build" in service and "command" in service:
            found[f"compose {name}"] = service["command"]
    for name, pod in pods().items():
        for container in [*pod.get("initContainers", ()), *pod["containers"]]:
            found[f"{name} {container['name']}"] = container["command"]
    return found


def copied(target: Path) -> list[Path]:
    """Copy to ``target`` what the image's build copies; the paths, from the root."""
    paths: list[Path] = []
    for word, rest in dockerfile():
        if word != "COPY" or rest.startswith("--from"):
            continue
        *sources, _ = rest.split()
        paths.extend(Path(source) for source in sources)
    for path in paths:
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(ROOT / path, place, ignore=ignore)
        else:
            shutil.copy(ROOT / path, place)
    return paths
