"""Models of the hub, fetched from the stand-in and loaded; the real libraries are the judges of its formats."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from tests.servers import hub_models, transformers_models
from tests.servers.hub import StandInHub, use_hub

from clipit.artifacts.provenance import Origin
from clipit.artifacts.tables import write_json
from clipit.encoders.backbone import load_backbone
from clipit.encoders.hub import FORMATS, fetch_model, pinned
from clipit.encoders.open_clip_retriever import load_open_clip
from clipit.encoders.retriever import load_retriever
from clipit.encoders.transformers_retriever import load_transformers
from clipit.encoders.weights import weight_digest
from clipit.runtime.errors import UserError
from clipit.runtime.hub import HubRepo, list_files

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("repositories")
    bert = hub_models.bert_repo(root / "bert")
    return {
        "org/vit": hub_models.timm_repo(root / "vit"),
        "org/uni": hub_models.uni_repo(root / "uni"),
        "org/quilt": hub_models.quiltnet_repo(root / "quilt"),
        "org/bert": bert,
        "org/biomed": hub_models.biomedclip_repo(root / "biomed", bert, bert_name="org/bert"),
        "org/plip": transformers_models.plip_repo(root / "plip"),
        "org/siglip": transformers_models.siglip_repo(root / "siglip"),
        "org/bare": hub_models.biomedclip_repo(root / "bare", bert, bert_name="org/bert", tokenizer=False),
    }


@pytest.fixture
def hub(folders, tmp_path, monkeypatch) -> Iterator[StandInHub]:
    with StandInHub() as server:
        for name, folder in folders.items():
            server.add_model(name, folder)
        use_hub(monkeypatch, tmp_path, server.url)
        yield server


@pytest.fixture
def unasked(hub) -> Iterator[Callable[[], None]]:
    """Once called, any request to the hub fails the test, even one whose failure a library would hide."""
    called: list[bool] = []

    def start() -> None:
        called.append(True)
        hub.requests.clear()

    yield start
    assert called
    assert not hub.requests


def features(module: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return module(IMAGES)


def test_fetching_takes_texts_and_one_format_of_weights(hub, tmp_path):
    fetched = fetch_model("org/quilt", ["open_clip"])
    assert fetched["repo"] == "org/quilt"
    assert fetched["revision"] == "main"
    assert set(fetched["files"]) == {"config.json", "open_clip_config.json", "open_clip_pytorch_model.bin"}
    assert not hub.asked("/pytorch_model.bin")
    assert not hub.asked("README.md")
    assert str(tmp_path) not in json.dumps(fetched)


@pytest.mark.parametrize(
    ("names", "kind", "chosen"),
    [
        (["config.json", "model.safetensors", "pytorch_model.bin"], "timm", "model.safetensors"),
        (["config.json", "pytorch_model.bin"], "transformers", "pytorch_model.bin"),
        (["open_clip_pytorch_model.bin", "pytorch_model.bin"], "open_clip", "open_clip_pytorch_model.bin"),
        (["model.safetensors", "open_clip_model.safetensors"], "open_clip", "open_clip_model.safetensors"),
        (["meta.yaml", "pytorch_model.bin"], "conch", "pytorch_model.bin"),
        (["config.json", "flax_model.msgpack"], "transformers", None),
    ],
)
def test_each_library_gets_its_best_weights(names, kind, chosen):
    assert FORMATS[kind].chosen(names) == chosen


def test_a_fetched_backbone_loads_without_the_network_and_keeps_no_path(hub, unasked, tmp_path):
    fetched = fetch_model("org/vit", ["timm"])
    assert set(fetched["files"]) == {"config.json", "model.safetensors"}
    unasked()
    loaded = load_backbone("hf-hub:org/vit")
    assert str(tmp_path) not in json.dumps(loaded.spec)
    assert fetch_model("org/vit", ["timm"]) == fetched, "what is cached is fetched already"


def test_a_backbone_is_the_same_from_the_hub_the_cache_and_a_folder(hub, folders, unasked):
    downloaded = load_backbone("hf-hub:org/vit")
    assert hub.asked("model.safetensors")
    unasked()
    cached = load_backbone("hf-hub:org/vit")
    local = load_backbone(f"local-dir:{folders['org/vit']}")
    assert downloaded.digest == cached.digest == local.digest
    assert downloaded.transform == cached.transform == local.transform
    assert downloaded.spec == cached.spec == local.spec
    assert torch.equal(features(downloaded.module), features(cached.module))


def test_arguments_that_the_hub_does_not_tell_come_from_the_catalog(hub):
    given = {"init_values": 1e-5, "dynamic_img_size": True}
    uni = load_backbone("hf-hub:org/uni", model_args=given)
    assert any("ls1" in name for name, _ in uni.module.named_parameters())
    with pytest.raises(UserError, match="cannot be loaded"):
        load_backbone("hf-hub:org/uni")


def test_timm_itself_loads_the_same_from_the_stand_in(hub, tmp_path):
    code = (
        "import timm; from clipit.encoders.weights import weight_digest;"
        "print(weight_digest(timm.create_model('hf-hub:org/uni', pretrained=True, num_classes=0, init_values=1e-5,"
        " dynamic_img_size=True)))"
    )
    environment = {**os.environ, **hub.environment(tmp_path / "timm")}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    loaded = load_backbone("hf-hub:org/uni", model_args={"init_values": 1e-5, "dynamic_img_size": True})
    assert said.stdout.strip() == weight_digest(loaded.module)


def test_open_clip_itself_loads_the_same_from_the_stand_in(hub, tmp_path):
    code = (
        "import open_clip; from clipit.encoders.weights import weight_digest;"
        "name = 'hf-hub:org/biomed'; print(weight_digest(open_clip.create_model(name, require_pretrained=True)));"
        "print(open_clip.get_tokenizer(name)(['normal mucosa']).tolist())"
    )
    environment = {**os.environ, **hub.environment(tmp_path / "open_clip")}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    loaded = load_open_clip("hf-hub:org/biomed")
    digest, tokens = said.stdout.split("\n", 1)
    assert digest == weight_digest(loaded._model)
    assert json.loads(tokens) == loaded._tokens.batch(loaded.tokenize(["normal mucosa"])).tolist()


@pytest.mark.parametrize("name", ["org/quilt", "org/biomed", "org/bare"])
def test_a_fetched_retriever_loads_without_the_network(hub, name, unasked, tmp_path):
    fetched = fetch_model(name, ["open_clip"])
    assert [other["repo"] for other in fetched["needs"]] == ([] if name == "org/quilt" else ["org/bert"])
    assert not any("pytorch_model" in file for other in fetched["needs"] for file in other["files"])
    online = load_open_clip(f"hf-hub:{name}")
    unasked()
    cached = load_open_clip(f"hf-hub:{name}")
    assert cached.digest == online.digest
    texts = ["Tubular adenoma, low grade.", "normal mucosa"]
    with torch.inference_mode():
        assert torch.equal(cached.encode_texts(cached.tokenize(texts)), online.encode_texts(online.tokenize(texts)))
        assert cached.encode_images(IMAGES).shape == (2, 8)
    assert str(tmp_path) not in json.dumps(cached.image_backbone().spec)


@pytest.mark.parametrize("name", ["org/biomed", "org/bare"])
def test_a_folder_takes_from_other_repositories_what_it_names(hub, folders, name, unasked):
    fetch_model(name, ["open_clip"])
    unasked()
    local, cached = load_open_clip(f"local-dir:{folders[name]}"), load_open_clip(f"hf-hub:{name}")
    assert local.digest == cached.digest
    assert local.tokenize(["Adenocarcinoma (grade 3)"]) == cached.tokenize(["Adenocarcinoma (grade 3)"])


def test_tokenizers_of_another_repository_are_those_of_a_copy(hub):
    own, other = load_open_clip("hf-hub:org/biomed"), load_open_clip("hf-hub:org/bare")
    assert own.tokenize(["Adenocarcinoma (grade 3)"]) == other.tokenize(["Adenocarcinoma (grade 3)"])


def test_a_revision_is_the_one_asked_for(hub, folders, unasked, tmp_path):
    older = hub.add_model("org/moving", folders["org/vit"], tag="v1")
    hub.add_model("org/moving", hub_models.timm_repo(tmp_path / "newer", seed=1))
    by_tag, by_commit, newest = (load_backbone(f"hf-hub:org/moving{at}") for at in ("@v1", f"@{older}", ""))
    assert by_tag.digest == by_commit.digest != newest.digest
    assert fetch_model("org/moving@v1", ["timm"])["commit"] == older
    unasked()
    assert load_backbone("hf-hub:org/moving@v1").digest == by_tag.digest
    assert load_backbone("hf-hub:org/moving").digest == newest.digest


def test_a_model_stays_at_the_commits_that_were_fetched(hub, folders, unasked, tmp_path):
    marker = {name: tmp_path / f"{name.replace('/', '--')}.json" for name in ("org/vit", "org/bare", "org/plip")}
    for (name, path), kind in zip(marker.items(), ("timm", "open_clip", "transformers"), strict=True):
        write_json(path, fetch_model(name, [kind]), Origin("download_model").provenance())
    vit, bare = load_backbone("hf-hub:org/vit"), load_open_clip("hf-hub:org/bare")
    plip = load_transformers("hf-hub:org/plip")
    texts = ["Tubular adenoma, low grade.", "normal mucosa of the colon, 0.5 cm"]
    tokens = bare.tokenize(texts)
    # Every main moves on, and another project that shares the cache takes note of it.
    other = hub_models.bert_repo(tmp_path / "bert", words=["Tubular normal mucosa of another colon"])
    hub.add_model("org/vit", hub_models.timm_repo(tmp_path / "newer", seed=1))
    hub.add_model("org/bare", hub_models.biomedclip_repo(
        tmp_path / "bare", other, bert_name="org/bert", tokenizer=False, seed=1))  # fmt: skip
    hub.add_model("org/bert", other)
    hub.add_model("org/plip", transformers_models.plip_repo(tmp_path / "plip", seed=1))
    for name in ("org/vit", "org/bare", "org/bert", "org/plip"):
        list_files(HubRepo(name), instead="")
    assert load_backbone("hf-hub:org/vit").digest != vit.digest
    assert load_open_clip("hf-hub:org/bare").tokenize(texts) != tokens
    assert load_transformers("hf-hub:org/plip").digest != plip.digest
    unasked()
    assert load_backbone("hf-hub:org/vit", marker=marker["org/vit"]).digest == vit.digest
    assert load_backbone(pinned("hf-hub:org/vit", marker["org/vit"])).digest == vit.digest
    again = load_open_clip("hf-hub:org/bare", marker["org/bare"])
    assert (again.digest, again.tokenize(texts)) == (bare.digest, tokens)
    assert load_retriever("open_clip", "hf-hub:org/bare", marker["org/bare"]).digest == bare.digest
    assert load_retriever("transformers", "hf-hub:org/plip", marker["org/plip"]).digest == plip.digest


def test_random_weights_need_the_configuration_alone(hub):
    assert load_backbone("hf-hub:org/vit", pretrained=False).d == 64
    assert not hub.asked("model.safetensors")


def test_a_gated_model_says_where_to_ask_and_opens_with_a_token(hub, folders, tmp_path, monkeypatch):
    hub.add_model("org/closed", folders["org/vit"], gated=True)
    with pytest.raises(UserError, match=r"org/closed is gated: request access at https://huggingface\.co/org/closed"):
        load_backbone("hf-hub:org/closed")
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.stranger)
    with pytest.raises(UserError, match=r"has no access yet: request it at https://huggingface\.co/org/closed"):
        fetch_model("org/closed", ["timm"])
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.member)
    loaded = load_backbone("hf-hub:org/closed")
    assert {request.token for request in hub.requests if request.host == "cdn"} == {None}, "no token leaves the hub"
    use_hub(monkeypatch, tmp_path, "http://127.0.0.1:9")
    assert load_backbone("hf-hub:org/closed").digest == loaded.digest


def test_a_gated_model_of_transformers_says_so_too(hub, folders, tmp_path, monkeypatch):
    hub.add_model("org/closed", folders["org/plip"], gated=True)
    for load in (load_transformers, lambda name: fetch_model(name, ["transformers"])):
        with pytest.raises(UserError, match=r"gated: request access at https://huggingface\.co/org/closed"):
            load("hf-hub:org/closed")
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.member)
    assert load_transformers("hf-hub:org/closed").d == 8


def test_a_model_of_another_kind_is_told(hub):
    with pytest.raises(UserError, match=r"org/vit is no model of this kind: .* does not hold open_clip_config.json"):
        load_open_clip("hf-hub:org/vit")
    with pytest.raises(
        UserError, match=r"org/vit is no model of this kind: .* config.json with 'model_type', and one of"
    ):
        load_transformers("hf-hub:org/vit")
    with pytest.raises(
        UserError, match=r"org/plip is no model of this kind: .* does not hold config.json with 'architec"
    ):
        load_backbone("hf-hub:org/plip")
    with pytest.raises(UserError, match=r"org/plip is no model of this kind"):
        load_backbone("hf-hub:org/plip", pretrained=False)
    assert not hub.asked("model.safetensors")
    assert not hub.asked("pytorch_model.bin")


def test_a_repository_without_weights_is_told(hub, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}")
    hub.add_model("org/empty", tmp_path / "empty")
    for kind in ("timm", "transformers", "open_clip", "conch"):
        with pytest.raises(UserError, match="org/empty is no model of this kind"):
            fetch_model("org/empty", [kind])


class Code:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize(("name", "weights"), [("plip", "pytorch_model.bin"), ("siglip", "model.safetensors")])
def test_a_fetched_model_of_transformers_loads_without_the_network(hub, folders, unasked, tmp_path, name, weights):
    fetched = fetch_model(f"org/{name}", ["transformers"])
    texts = {"config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"}
    assert set(fetched["files"]) == texts | {weights}
    assert fetched["needs"] == []
    unasked()
    cached = load_transformers(f"hf-hub:org/{name}")
    local = load_transformers(f"local-dir:{folders[f'org/{name}']}")
    assert cached.digest == local.digest
    assert cached.tokenize(["Tubular adenoma"]) == local.tokenize(["Tubular adenoma"])
    assert cached.image_backbone().spec == local.image_backbone().spec
    assert str(tmp_path) not in json.dumps(cached.image_backbone().spec)


def test_a_repository_may_hold_several_libraries_copies(hub, folders, unasked, tmp_path):
    both = shutil.copytree(folders["org/quilt"], tmp_path / "both")
    shutil.copytree(folders["org/plip"], both, dirs_exist_ok=True)
    hub.add_model("org/both", both)
    assert "open_clip_pytorch_model.bin" not in fetch_model("org/both", ["transformers"])["files"]
    assert not hub.asked("/open_clip_pytorch_model.bin")
    assert "pytorch_model.bin" not in fetch_model("org/both", ["open_clip"])["files"], "the other's is in the cache"
    assert {"pytorch_model.bin", "open_clip_pytorch_model.bin"} < set(
        fetch_model("org/both", ["open_clip", "transformers"])["files"]
    )
    unasked()
    assert load_transformers("hf-hub:org/both").d == load_open_clip("hf-hub:org/both").d == 8


@pytest.mark.parametrize("name", ["pytorch_model.bin", "open_clip_pytorch_model.bin"])
def test_code_in_a_pickle_is_refused_and_not_run(hub, folders, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source, load = (
        (folders["org/uni"], load_backbone) if name == "pytorch_model.bin" else (folders["org/quilt"], load_open_clip)
    )
    shutil.copytree(source, tmp_path / "evil")
    with open(tmp_path / "evil" / name, "wb") as file:
        pickle.dump({"weight": Code()}, file, protocol=2)
    hub.add_model("org/evil", tmp_path / "evil")
    with pytest.raises(UserError, match="more than tensors"):
        load("hf-hub:org/evil")
    assert not (tmp_path / "executed").exists()


def test_a_cache_filled_by_the_hub_s_own_command_elsewhere_is_enough(hub, tmp_path, monkeypatch):
    environment = {**os.environ, **hub.environment(tmp_path / "elsewhere")}
    command = [Path(sys.executable).with_name("hf"), "download", "org/quilt"]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    use_hub(monkeypatch, tmp_path / "here", "http://127.0.0.1:9")
    brought = "huggingface/hub/models--org--quilt"
    shutil.copytree(tmp_path / "elsewhere" / brought, tmp_path / "here" / brought, symlinks=True)
    assert load_open_clip("hf-hub:org/quilt").digest
    assert set(fetch_model("org/quilt", ["open_clip"])["files"]) == {
        "config.json",
        "open_clip_config.json",
        "open_clip_pytorch_model.bin",
    }


def test_what_transformers_left_in_the_cache_is_not_taken_for_the_model(hub, tmp_path):
    from huggingface_hub import hf_hub_download

    for file in ("config.json", "pytorch_model.bin"):
        hf_hub_download("org/quilt", file)
    assert "open_clip_pytorch_model.bin" in fetch_model("org/quilt", ["open_clip"])["files"]
