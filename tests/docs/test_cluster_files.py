"""The files of a Ray cluster in the docs: of the pinned versions, one disk for all nodes."""

import re

import pytest
import yaml

from tests.conftest import ROOT

CLUSTER = ROOT / "docs" / "cluster"
PINS = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "requirements-dev.txt").read_text(), re.M))


@pytest.fixture(scope="module")
def cluster() -> dict:
    claim, cluster = yaml.safe_load_all((CLUSTER / "raycluster.yaml").read_text())
    assert claim["kind"] == "PersistentVolumeClaim"
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    return {"claim": claim["metadata"]["name"], **cluster}


def test_the_cluster_runs_the_pinned_ray(cluster):
    assert (cluster["apiVersion"], cluster["kind"]) == ("ray.io/v1", "RayCluster")
    assert cluster["spec"]["rayVersion"] == PINS["ray"]
    text = (CLUSTER / "Dockerfile").read_text()
    found = dict(re.findall(r"(ray|pyarrow|fsspec|pandas)(?:\[default\])?==([\d.]+)", text))
    assert found == {name: PINS[name] for name in ("ray", "pyarrow", "fsspec", "pandas")}
    assert "ray[default]==" in text and "wget" in text  # KubeRay asks for both


def test_all_nodes_are_of_one_image_and_see_one_disk(cluster):
    spec = cluster["spec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    assert len(groups) == 2
    pods = [group["template"]["spec"] for group in groups]
    assert {pod["securityContext"]["fsGroup"] for pod in pods} == {1000}  # the image's user
    (disk,) = {pod["volumes"][0]["persistentVolumeClaim"]["claimName"] for pod in pods}
    assert disk == cluster["claim"]
    containers = [pod["containers"][0] for pod in pods]
    assert len({one["image"] for one in containers}) == 1
    assert {one["volumeMounts"][0]["mountPath"] for one in containers} == {"/batch"}
    for group, container in zip(groups, containers, strict=True):
        assert container["resources"]["limits"] == container["resources"]["requests"]
        started = group["rayStartParams"]  # KubeRay takes strings only
        assert all(isinstance(value, str) for value in started.values())
