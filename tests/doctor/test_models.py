"""Every answer that the hub can give about a model."""

import sys

import pytest
from tests.doctor.conftest import MACHINE
from tests.servers import hub_models
from tests.servers.hub import StandInHub, use_hub
from tests.servers.hub_files import HubFault
from tests.servers.transformers_models import plip_repo

from clipit.encoders.hub import fetch_model

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def backbone(doctor):
    """The finding about one timm backbone."""
    return lambda **keys: doctor(backbone="own", entries={"backbones": {"own": {"kind": "timm", **keys}}})[
        "backbones.own"
    ]


@pytest.fixture
def retriever(doctor):
    """The findings about one retriever."""
    return lambda **keys: doctor(retriever="own", entries={"retrievers": {"own": keys}})


def test_what_is_trained_here_needs_nothing(doctor, hub):
    found = doctor()
    assert {finding.status for subject, finding in found.items() if subject not in MACHINE} == {"PASS"}
    assert "trained here" in found["backbones.phantom_resnet"].detail
    assert "synthetic" in found["datasets.phantom"].detail
    assert not hub.requests


def test_an_open_model_can_be_fetched_then_is_here(backbone, doctor, hub, tmp_path, monkeypatch):
    folder = hub_models.timm_repo(tmp_path / "vit")
    hub.add_model("org/vit", folder)
    found = backbone(name="hf-hub:org/vit")
    assert found.status == "PASS"
    assert found.fetch == sum((folder / name).stat().st_size for name in ("config.json", "model.safetensors"))
    assert "open to all: 1.2 MB to fetch" in found.detail
    assert not hub.asked("model.safetensors"), "nothing is fetched"
    commit = fetch_model("org/vit", ["timm"])["commit"]
    use_hub(monkeypatch, tmp_path, NOWHERE)
    found = backbone(name="hf-hub:org/vit")
    assert (found.status, found.fetch) == ("PASS", 0)
    assert f"in the hub's cache at {tmp_path}" in found.detail
    assert commit in found.detail


def test_a_gated_model_needs_a_token_then_access(backbone, hub, tmp_path, monkeypatch):
    hub.add_model("org/uni", hub_models.uni_repo(tmp_path / "uni"), gated=True)
    found = backbone(name="hf-hub:org/uni")
    assert (found.status, found.detail) == ("FAIL", "org/uni is gated")
    assert found.remedy.startswith("request access at https://huggingface.co/org/uni, then run `hf auth login`")
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.stranger)
    found = backbone(name="hf-hub:org/uni")
    assert (found.status, found.detail) == ("FAIL", "org/uni is gated, and your account has no access yet")
    assert "request it at https://huggingface.co/org/uni" in found.remedy
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.member)
    found = backbone(name="hf-hub:org/uni")
    assert found.status == "PASS"
    assert "gated, and you have access: 1.2 MB to fetch" in found.detail
    use_hub(monkeypatch, tmp_path, hub.url, token="hf_wrong")
    found = backbone(name="hf-hub:org/uni")
    assert (found.status, found.detail) == ("FAIL", "the hub does not accept your token")


@pytest.mark.parametrize(
    ("keys", "detail"),
    [
        ({"name": "hf-hub:org/none"}, "the hub has no model org/none that you may see"),
        ({"name": "hf-hub:org/quilt", "revision": "v9"}, "org/quilt has no revision v9"),
        ({"name": "hf-hub:org/empty"}, "https://huggingface.co/org/empty does not hold a model of timm"),
        ({"name": "local-dir:nowhere"}, "there is no folder"),
        ({"name": "vit_tinny_patch16_224"}, "did you mean"),
    ],
)
def test_what_cannot_be_had_is_told(backbone, hub, tmp_path, keys, detail):
    hub.add_model("org/quilt", hub_models.quiltnet_repo(tmp_path / "quilt"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.md").write_text("soon")
    hub.add_model("org/empty", tmp_path / "empty")
    found = backbone(**keys)
    assert found.status == "FAIL"
    assert detail in found.detail


def test_without_a_network_it_says_so_and_how_else(backbone, tmp_path, monkeypatch, hub):
    use_hub(monkeypatch, tmp_path, NOWHERE)
    found = backbone(name="hf-hub:org/vit")
    assert found.status == "FAIL"
    assert "org/vit: the hub cannot be reached" in found.detail
    assert "run `hf download org/vit` elsewhere and bring it here" in found.remedy


def test_a_busy_hub_is_told(backbone, hub, tmp_path):
    hub.add_model("org/vit", hub_models.timm_repo(tmp_path / "vit"))
    hub.faults["/revision/main"] = [HubFault(status=503)]
    assert backbone(name="hf-hub:org/vit").detail == "org/vit: the hub answers 503"


def test_names_of_timm_are_looked_up_where_timm_fetches_them(backbone, hub, tmp_path):
    hub.add_model("timm/test_vit.r160_in1k", hub_models.timm_repo(tmp_path / "vit"))
    found = backbone(name="test_vit.r160_in1k")
    assert found.status == "PASS"
    assert "timm/test_vit.r160_in1k on the hub" in found.detail
    assert found.fetch == (tmp_path / "vit" / "model.safetensors").stat().st_size
    assert backbone(name="test_vit", pretrained=False).detail == "random weights, nothing to fetch"


def test_names_of_open_clip_are_looked_up_where_it_fetches_them(retriever, hub, tmp_path):
    hub.add_model("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", hub_models.quiltnet_repo(tmp_path / "clip"))
    found = retriever(kind="open_clip", name="ViT-B-32:laion2b_s34b_b79k")["retrievers.own"]
    assert found.status == "PASS"
    assert found.fetch == (tmp_path / "clip" / "open_clip_pytorch_model.bin").stat().st_size
    assert retriever(kind="open_clip", name="ViT-B-32:none")["retrievers.own"].status == "FAIL"


def test_a_retriever_is_here_only_with_what_it_takes_from_elsewhere(retriever, hub, tmp_path, monkeypatch):
    bert = hub_models.bert_repo(tmp_path / "bert")
    hub.add_model("org/bert", bert)
    hub.add_model("org/biomed", hub_models.biomedclip_repo(tmp_path / "biomed", bert, bert_name="org/bert"))
    fetch_model("org/biomed", ["open_clip"])
    use_hub(monkeypatch, tmp_path, NOWHERE)
    name = {"kind": "open_clip", "name": "hf-hub:org/biomed"}
    assert "in the hub's cache" in retriever(**name)["retrievers.own"].detail
    for file in (tmp_path / "huggingface" / "hub" / "models--org--bert").rglob("config.json"):
        file.unlink()
    found = retriever(**name)["retrievers.own"]
    assert found.status == "FAIL"
    assert found.detail.startswith("org/bert: the hub cannot be reached")
    use_hub(monkeypatch, tmp_path, hub.url)
    found = retriever(**name)["retrievers.own"]
    assert (found.status, found.detail[:15]) == ("PASS", "org/bert on the")


def test_conch_needs_its_package_and_its_weights(retriever, hub, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "conch", None)
    found = retriever(kind="conch", name="hf-hub:org/conch")
    assert found["retrievers.own package"].status == "FAIL"
    assert "pip install --no-deps git+https://github.com/mahmoodlab/CONCH" in found["retrievers.own package"].remedy
    assert found["retrievers.own"].status == "FAIL"
    monkeypatch.delitem(sys.modules, "conch")
    monkeypatch.syspath_prepend(hub_models.CONCH_PACKAGE)
    hub.add_model("org/conch", hub_models.conch_repo(tmp_path / "conch"))
    found = retriever(kind="conch", name="hf-hub:org/conch")
    assert {found["retrievers.own package"].status, found["retrievers.own"].status} == {"PASS"}
    for name in [name for name in sys.modules if name.partition(".")[0] == "conch"]:
        del sys.modules[name]


def test_a_model_of_transformers_is_looked_for_in_its_own_format(retriever, hub, tmp_path, monkeypatch):
    folder = plip_repo(tmp_path / "plip")
    hub.add_model("org/plip", folder, gated=True)
    name = {"kind": "transformers", "name": "hf-hub:org/plip"}
    found = retriever(**name)["retrievers.own"]
    assert (found.status, found.detail) == ("FAIL", "org/plip is gated")
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.member)
    found = retriever(**name)["retrievers.own"]
    assert (found.status, found.fetch) == ("PASS", sum(file.stat().st_size for file in folder.iterdir()))
    fetch_model("org/plip", ["transformers"])
    use_hub(monkeypatch, tmp_path, NOWHERE)
    assert "in the hub's cache" in retriever(**name)["retrievers.own"].detail
    assert retriever(kind="open_clip", name="hf-hub:org/plip")["retrievers.own"].status == "FAIL"


def test_a_folder_s_config_must_be_the_library_s(backbone, retriever, tmp_path):
    folder, vit = plip_repo(tmp_path / "plip"), hub_models.timm_repo(tmp_path / "vit")
    assert retriever(kind="transformers", name=f"local-dir:{folder}")["retrievers.own"].status == "PASS"
    assert backbone(name=f"local-dir:{vit}").status == "PASS"
    found = retriever(kind="transformers", name=f"local-dir:{vit}")["retrievers.own"]
    assert (found.status, found.detail) == ("FAIL", f"{vit} is no model of this kind")
    assert backbone(name=f"local-dir:{folder}").status == "FAIL"
    (folder / "config.json").write_text("{")
    assert retriever(kind="transformers", name=f"local-dir:{folder}")["retrievers.own"].status == "FAIL"


def test_another_text_policy_needs_the_retriever_it_reads_with(doctor, hub, tmp_path):
    hub.add_model("org/plip", plip_repo(tmp_path / "plip"))
    whole = {"kind": "text_policy", "retriever": "own", "text": {"policy": "chunks"}}
    own = {"kind": "transformers", "name": "hf-hub:org/plip"}
    found = doctor(retriever="whole", entries={"retrievers": {"own": own, "whole": whole}})
    assert found["retrievers.whole"].detail == "retrievers.own, reading reports in another way"
    assert {found["retrievers.whole"].status, found["retrievers.own"].status} == {"PASS"}
    assert "org/plip on the hub" in found["retrievers.own"].detail


def test_a_saved_model_is_looked_into(backbone, tmp_path):
    folder = hub_models.timm_repo(tmp_path / "saved")
    assert backbone(name=f"local-dir:{folder}").status == "PASS"
    (folder / "model.safetensors").unlink()
    found = backbone(name=f"local-dir:{folder}")
    assert found.status == "FAIL"
    assert "is no model of this kind" in found.detail


def test_a_retriever_s_tower_as_a_backbone_needs_the_retriever(doctor, hub):
    found = doctor(backbone="quiltnet_image", variants=["lora_only"])
    assert found["backbones.quiltnet_image"].detail == "the image tower of retrievers.quiltnet"
    assert "wisdomik/QuiltNet-B-32" in found["retrievers.quiltnet"].detail


def test_no_token_is_printed(backbone, hub, tmp_path, monkeypatch, capfd):
    hub.add_model("org/uni", hub_models.uni_repo(tmp_path / "uni"), gated=True)
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.stranger)
    backbone(name="hf-hub:org/uni")
    shown = capfd.readouterr()
    assert StandInHub.stranger not in shown.out + shown.err
    assert {request.token for request in hub.requests} == {StandInHub.stranger}
