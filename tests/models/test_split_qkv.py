import pytest
import timm
import torch
from peft import PeftModel
from tests.miniatures.encoders import IMAGES, encoder
from torch import nn

from clipit.models.lora import add_lora, merge_lora
from clipit.models.split_qkv import SplitQkv, join_qkv, split_qkv

BLOCKS = 6  # of test_vit


def made(name: str) -> nn.Module:
    """A model of timm without weights, for its shape alone."""
    with torch.device("meta"):
        return timm.create_model(name, pretrained=False, num_classes=0)


def adapters(model: PeftModel) -> set[str]:
    return {name.split(".lora_A")[0] for name, _ in model.named_parameters() if ".lora_A" in name}


def test_the_outputs_stay_and_names_and_bits_come_back() -> None:
    model, plain = encoder("vit"), encoder("vit")
    model.blocks[0].requires_grad_(requires_grad=False)
    state = torch.get_rng_state()
    assert split_qkv(model) == BLOCKS
    assert torch.equal(torch.get_rng_state(), state), "no weights are drawn"
    assert {"blocks.0.attn.qkv.q.weight", "blocks.0.attn.qkv.v.bias"} < model.state_dict().keys()
    assert not any(part.training for part in model.modules())
    assert torch.allclose(model(IMAGES), plain(IMAGES), atol=1e-5)
    assert split_qkv(model) == 0

    assert join_qkv(model) == BLOCKS
    assert join_qkv(model) == 0
    assert list(model.state_dict()) == list(plain.state_dict())
    assert all(torch.equal(weight, plain.state_dict()[name]) for name, weight in model.state_dict().items())
    assert [weight.requires_grad for weight in (model.blocks[0].attn.qkv.weight, model.blocks[1].attn.qkv.bias)] == [
        False,
        True,
    ]


@pytest.mark.parametrize("bias", [True, False])
def test_queries_keys_and_values_are_the_thirds_in_this_order(bias: bool) -> None:
    fused, x = nn.Linear(4, 15, bias=bias), torch.randn(2, 3, 4)
    split = SplitQkv(fused)
    q, k, v = fused(x).chunk(3, dim=-1)
    for third, expected in ((split.q, q), (split.k, k), (split.v, v)):
        assert torch.allclose(third(x), expected, atol=1e-6)
    joined = split.fused()
    assert torch.equal(joined.weight, fused.weight)
    assert (joined.bias is not None) == bias


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("swin_tiny_patch4_window7_224", 12),
        ("vit_small_patch16_dinov3", 12),
        ("beit_base_patch16_224", 0),
        ("eva02_tiny_patch14_224", 0),
        ("swinv2_tiny_window8_256", 0),
        ("maxvit_rmlp_pico_rw_256", 0),
        ("tiny_vit_5m_224", 0),
        ("efficientformer_l1", 0),
        ("gcvit_xxtiny", 6),  # every other block attends to its window
        ("test_resnet", 0),
    ],
)
def test_what_is_read_otherwise_is_left_alone(name: str, expected: int) -> None:
    model = made(name)
    assert split_qkv(model) == expected
    assert sum(isinstance(part, SplitQkv) for part in model.modules()) == expected


def test_split_and_fused_differ_by_two_adapters_a_block_and_share_the_merged_architecture() -> None:
    settings = {"r": 2, "alpha": 4, "dropout": 0.0, "seed": 0}
    fused, split = (add_lora(encoder("vit"), **settings, split_qkv=apart) for apart in (False, True))
    assert len(adapters(split)) == len(adapters(fused)) + 2 * BLOCKS
    assert sum("qkv" in name for name in adapters(split)) == 3 * BLOCKS
    merged = merge_lora(split)
    assert list(merged.state_dict()) == list(encoder("vit").state_dict())
    encoder("vit").load_state_dict(merged.state_dict())
