import json
from pathlib import Path

import pytest
import timm
import torch
from peft import PeftModel
from torch import Tensor, nn

from clipit.models.lora import add_lora, merge_lora, save_lora
from clipit.runtime.errors import UserError

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
SETTINGS = {"r": 2, "alpha": 4, "dropout": 0.0, "seed": 0}


class Attention(nn.Module):
    """A pooled vision encoder on `nn.MultiheadAttention`, as open_clip's towers are."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, stride=8)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        return self.attention(tokens, tokens, tokens, need_weights=False)[0].mean(dim=1)


def encoder(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name == "attention":
        return Attention().eval()
    model = timm.create_model(name, pretrained=False, num_classes=0, **({"img_size": 32} if "vit" in name else {}))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)  # timm starts some at 0, which would hide the convolutions before them
    return model.eval()


def randomise(model: nn.Module) -> None:
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.1, generator=torch.Generator().manual_seed(len(name)))


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "test_convnext", "attention"])
def test_every_adapter_acts_gets_a_gradient_and_merges(name: str) -> None:
    plain = encoder(name)(IMAGES)
    model = add_lora(encoder(name), **SETTINGS)
    assert torch.allclose(model(IMAGES), plain, atol=1e-5), "adapters start as zero"

    randomise(model)
    model(IMAGES).square().sum().backward()
    for parameter, weight in model.named_parameters():
        assert weight.requires_grad == ("lora_" in parameter)
        if weight.requires_grad:
            assert weight.grad is not None, parameter
            assert weight.grad.abs().max() > 0, parameter
    adapted = model(IMAGES).detach()
    assert not torch.allclose(adapted, plain, rtol=1e-3, atol=1e-3)
    merged = merge_lora(model)
    assert not any("lora" in parameter for parameter, _ in merged.named_parameters())
    assert torch.allclose(merged(IMAGES), adapted, rtol=1e-4, atol=1e-4)
    assert merged.state_dict().keys() == encoder(name).state_dict().keys()


def test_fused_qkv_and_convolutions_are_adapted_grouped_ones_are_not() -> None:
    vit = {name for name, _ in add_lora(encoder("test_vit"), **SETTINGS).named_parameters() if "lora_A" in name}
    assert any(".attn.qkv." in name for name in vit)
    assert any("patch_embed.proj." in name for name in vit)
    convnext = {name for name, _ in add_lora(encoder("test_convnext"), **SETTINGS).named_parameters()}
    assert not any("conv_dw.lora" in name for name in convnext)
    assert any("mlp.fc1.lora_A" in name for name in convnext)


def test_seed_decides_the_start_and_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    one, same, other = (add_lora(Attention(), r=2, alpha=4, dropout=0.0, seed=seed) for seed in (0, 0, 1))
    weights = [model.get_parameter("base_model.model.patches.lora_A.default.weight") for model in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    torch.set_rng_state(state)
    add_lora(encoder_without_seed(), **SETTINGS)
    assert torch.equal(torch.get_rng_state(), state)


def encoder_without_seed() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        return Attention()


def test_saved_adapter_is_read_by_peft(tmp_path: Path) -> None:
    model = add_lora(encoder("test_vit"), **SETTINGS)
    randomise(model)
    save_lora(model, tmp_path, {"lineage": {}})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert json.loads((tmp_path / "adapter_config.json").read_text())["r"] == 2
    again = PeftModel.from_pretrained(encoder("test_vit"), str(tmp_path)).eval()
    assert torch.allclose(again(IMAGES), model.eval()(IMAGES), atol=1e-5)


def test_user_errors() -> None:
    with pytest.raises(UserError, match="dropout"):
        add_lora(Attention(), r=2, alpha=2, dropout=0.1, seed=0)
    with pytest.raises(UserError, match="no linear layer"):
        add_lora(nn.Flatten(), **SETTINGS)
