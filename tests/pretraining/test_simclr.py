import json

import pytest
import timm
import torch
from tests.miniatures.resnet import SMALL_RESNET

from clipit.encoders.backbone import load_backbone
from clipit.pretraining.simclr import nt_xent, train_backbone
from clipit.runtime.errors import UserError

TINY = {
    "architecture": "resnet18",
    "model_args": SMALL_RESNET,
    "epochs": 1,
    "batch": 24,
    "lr": 1e-3,
    "temperature": 0.2,
    "threads": 1,
    "seed": 0,
    "device": "cpu",
}


def train(dataset, out, origin, **changes):
    names = ("patches.zarr", "patches.parquet", "splits.parquet")
    train_backbone(*(dataset / name for name in names), out, **{**TINY, **changes}, origin=origin)
    return (out / "model.safetensors").read_bytes()


def test_the_folder_is_a_timm_model_of_these_weights(dataset, tmp_path, origin):
    train(dataset, tmp_path / "backbone", origin)
    backbone = load_backbone(f"local-dir:{tmp_path / 'backbone'}")
    assert (backbone.d, backbone.transform.size) == (24, 32)
    module = timm.create_model(f"local-dir:{tmp_path / 'backbone'}", pretrained=True, num_classes=0)
    stored, loaded = backbone.module.state_dict(), module.state_dict()
    assert all(torch.equal(loaded[name], stored[name]) for name in stored)
    assert backbone.module.state_dict()["bn1.num_batches_tracked"] == 3  # 72 train images in batches of 24
    assert json.loads((tmp_path / "backbone/config.json").read_text())["provenance"]["lineage"] == {"patches": "abc"}


def test_its_transform_centres_the_train_images(dataset, tmp_path, origin):
    train(dataset, tmp_path / "backbone", origin)
    mean = load_backbone(f"local-dir:{tmp_path / 'backbone'}").transform.mean
    assert mean == pytest.approx([114.5 / 255, 112 / 255, 114.5 / 255], abs=0.01)


def test_equal_seeds_give_equal_bytes(dataset, tmp_path, origin):
    first = train(dataset, tmp_path / "a", origin)
    assert train(dataset, tmp_path / "b", origin) == first
    assert train(dataset, tmp_path / "c", origin, seed=1) != first


def test_a_batch_larger_than_the_data_set_is_a_users_mistake(dataset, tmp_path, origin):
    with pytest.raises(UserError, match="72 train images"):
        train(dataset, tmp_path / "backbone", origin, batch=100)
    assert not (tmp_path / "backbone").exists()


def test_nt_xent_rewards_views_that_agree():
    z = torch.eye(8)[:4]
    agree, disagree = nt_xent(torch.cat([z, z]), 0.1), nt_xent(torch.cat([z, z.roll(1, 0)]), 0.1)
    assert agree < 0.01 < disagree


def test_nt_xent_is_the_equation():
    z = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    unit = z / z.norm(dim=1, keepdim=True)
    similarity = (unit @ unit.T / 0.5).exp()
    terms = [-(similarity[i, (i + 3) % 6] / (similarity[i].sum() - similarity[i, i])).log() for i in range(6)]
    torch.testing.assert_close(nt_xent(z, 0.5), torch.stack(terms).mean())
