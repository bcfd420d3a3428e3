import ast
import inspect
import json
import re
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from clipit.encoders import backbone, image_transform, retriever, weights
from clipit.encoders.backbone import build_backbone, load_backbone, save_backbone
from clipit.encoders.weights import encoder_digest, weight_digest
from clipit.runtime.errors import UserError


def run(module: torch.nn.Module, size: int) -> torch.Tensor:
    with torch.inference_mode():
        return module(torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(
    ("name", "size"), [("test_vit", 64), ("test_vit", None), ("resnet10t", 64), ("test_convnext", 64)]
)
def test_a_backbone_pools_and_its_spec_rebuilds_it(name, size):
    loaded = load_backbone(name, image_size=size, pretrained=False)
    side = loaded.transform.size
    assert size is None or side == size
    features = run(loaded.module, side)
    assert features.shape == (2, loaded.d)
    rebuilt = build_backbone(json.loads(json.dumps(loaded.spec)))
    assert encoder_digest(rebuilt, loaded.transform) != loaded.digest
    rebuilt.load_state_dict(loaded.module.state_dict())
    assert encoder_digest(rebuilt, loaded.transform) == loaded.digest
    assert encoder_digest(rebuilt, replace(loaded.transform, mean=(0.1, 0.2, 0.3))) != loaded.digest
    assert torch.equal(run(rebuilt, side), features)


def test_random_weights_come_from_the_seed_alone():
    one, same, other = (load_backbone("test_vit", pretrained=False, seed=seed).digest for seed in (1, 1, 2))
    torch.manual_seed(7)
    before = torch.rand(1)
    torch.manual_seed(7)
    load_backbone("test_vit", pretrained=False)
    assert one == same != other
    assert torch.equal(torch.rand(1), before)


def test_a_saved_backbone_loads_as_a_local_dir(timm_folder, monkeypatch):
    loaded = load_backbone(f"local-dir:{timm_folder}")
    assert loaded.transform.size == 32
    assert loaded.digest == encoder_digest(loaded.module, loaded.transform)
    assert loaded.spec["args"] == {"channels": [8, 8, 16, 24]}
    monkeypatch.chdir(timm_folder.parent)
    assert load_backbone(f"local-dir:{timm_folder.name}").digest == loaded.digest


def test_position_embeddings_are_resampled(tmp_path):
    vit = load_backbone("test_vit", pretrained=False, image_size=64)
    save_backbone(tmp_path, vit, {})
    same, larger = (load_backbone(f"local-dir:{tmp_path}", image_size=size) for size in (None, 96))
    assert same.digest == vit.digest
    assert larger.transform.size == 96
    assert run(larger.module, 96).shape == (2, vit.d)


def test_a_vit_folder_need_not_say_that_its_input_size_is_fixed(tmp_path):
    vit = load_backbone("test_vit", pretrained=False, image_size=64)
    save_backbone(tmp_path, vit, {})
    config = json.loads((tmp_path / "config.json").read_text())
    del config["model_args"], config["pretrained_cfg"]["fixed_input_size"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    same, larger = (load_backbone(f"local-dir:{tmp_path}", image_size=size) for size in (None, 96))
    assert same.digest == vit.digest
    assert run(larger.module, 96).shape == (2, vit.d)
    assert run(build_backbone(larger.spec), 96).shape == (2, vit.d)


def test_the_digest_changes_with_any_weight():
    module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    digests = {weight_digest(module)}
    with torch.no_grad():
        module[0].bias[1] += 1e-6
        digests.add(weight_digest(module))
        module[1].running_mean += 1  # buffers count
        digests.add(weight_digest(module))
    assert len(digests) == 3


def test_the_digest_does_not_depend_on_the_memory_format():
    module = torch.nn.Conv2d(3, 4, 3)
    assert weight_digest(module) == weight_digest(module.to(memory_format=torch.channels_last))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vit_tinny_patch16_224", "did you mean 'vit_tiny_patch16_224"),
        ("vit_tiny_patch16_224.nothing", "vit_tiny_patch16_224.augreg_in21k"),
        ("local-dir:nowhere", "there is no folder"),
    ],
)
def test_an_unknown_name_is_the_users_mistake(name, said):
    with pytest.raises(UserError, match=said):
        load_backbone(name)


def test_a_folder_that_is_no_model_is_named(tmp_path):
    with pytest.raises(UserError, match=r"has no config\.json"):
        load_backbone(f"local-dir:{tmp_path}")


def test_weights_that_do_not_fit_are_the_users_mistake(timm_folder, tmp_path):
    shutil.copytree(timm_folder, tmp_path / "model")
    tensors = load_file(tmp_path / "model" / "model.safetensors")
    del tensors["conv1.0.weight"]
    save_file(tensors, tmp_path / "model" / "model.safetensors")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_backbone(f"local-dir:{tmp_path / 'model'}")


def test_an_image_size_that_does_not_fit_is_the_users_mistake():
    with pytest.raises(UserError, match="does not take images of 8 px"):
        load_backbone("test_vit", pretrained=False, image_size=8)


def test_an_unreachable_hub_is_one_line_without_the_token(monkeypatch):
    def fail(*args, **kwargs):
        raise ConnectionError("Authorization: Bearer hf_secret\nsecond line")

    monkeypatch.setattr("timm.models._hub.hf_hub_download", fail)
    with pytest.raises(UserError, match="hub cannot be reached") as caught:
        load_backbone("test_vit.r160_in1k")
    assert "hf_secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("module", [image_transform, weights, backbone, retriever])
def test_backbones_need_no_text_library(module):
    tree = ast.parse(inspect.getsource(module))
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports
    assert not [node for node in imports if re.search("transformers|open_clip|tokenizers", ast.unparse(node))]
