import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora.layer import LoraLayer
from tests.miniatures.encoders import CAPTIONS, IMAGES, TEXT, VISION, Pooled, encoder, features, open_clip_model
from timm.layers import ScaledStdConv2d
from torch import Tensor, nn

from clipit.encoders.text_tower import TextTower, load_text_tower
from clipit.models.heads import Vision
from clipit.models.lora import add_lora, merge_lora, save_lora
from clipit.models.split_qkv import split_qkv
from clipit.models.student import Student
from clipit.runtime.errors import UserError

SETTINGS: dict[str, Any] = {"r": 2, "alpha": 4, "dropout": 0.0, "seed": 0}
CASES = [
    *((name, {}) for name in (*VISION, *TEXT)),
    *((name, {"embeddings": True}) for name in TEXT),
    ("vit", {"split_qkv": True}),
    ("open_clip", {"attention": False}),
]
everywhere = pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: value or "" if value else "plain")


def adapted(name: str, **options: Any) -> PeftModel:
    """The encoder with adapters that are no longer zero."""
    model = add_lora(encoder(name), **(SETTINGS | options))
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad and not weight.any():
                weight.normal_(std=0.1, generator=draw)
    return model


def layers(model: nn.Module) -> dict[str, LoraLayer]:
    """Adapters by the names that their layers have in the plain encoder."""
    found = ((name, part) for name, part in model.named_modules() if isinstance(part, LoraLayer))
    return {name.removeprefix("base_model.model.").replace(".base_layer", ""): part for name, part in found}


def frozen(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Weights and buffers but the adapters', by their names in the plain encoder."""
    for name, tensor in model.state_dict().items():
        if "lora_" not in name:
            yield name.removeprefix("base_model.model.").replace(".base_layer", ""), tensor


@everywhere
def test_adapters_start_as_zero(name: str, options: dict[str, bool]) -> None:
    model = add_lora(encoder(name), **SETTINGS, **options)
    assert torch.allclose(features(name, model), features(name, encoder(name)), atol=1e-5)


@everywhere
@pytest.mark.parametrize("training", [False, True])
def test_every_adapter_acts(name: str, options: dict[str, bool], training: bool) -> None:
    model = adapted(name, **options).train(training)
    with torch.set_grad_enabled(training):
        whole = features(name, model)
        for layer, adapter in layers(model).items():
            (scaling,) = adapter.scaling.values()
            adapter.scaling["default"] = 0.0
            assert (features(name, model) - whole).abs().max() > 1e-5, layer
            adapter.scaling["default"] = scaling
        assert torch.allclose(features(name, model), whole, atol=1e-6)


@everywhere
def test_the_adapters_alone_get_gradients(name: str, options: dict[str, bool]) -> None:
    model = adapted(name, **options)
    features(name, model).square().sum().backward()
    for parameter, weight in model.named_parameters():
        assert weight.requires_grad == ("lora_" in parameter)
        assert (weight.grad is not None and bool(weight.grad.any())) == weight.requires_grad, parameter


@everywhere
def test_merged_is_the_plain_encoder_with_the_same_features(name: str, options: dict[str, bool]) -> None:
    model, plain = adapted(name, **options), encoder(name)
    expected = features(name, model).detach()
    assert not torch.allclose(expected, features(name, plain), rtol=1e-3, atol=1e-3)
    merged = merge_lora(model)
    assert torch.allclose(features(name, merged), expected, rtol=1e-5, atol=1e-5)
    assert merged.state_dict().keys() == plain.state_dict().keys()
    assert [type(part) for part in merged.modules()] == [type(part) for part in plain.modules()]
    assert not any(weight.requires_grad for weight in merged.parameters())


@pytest.mark.parametrize("name", [*VISION, *TEXT])
def test_training_moves_all_adapters_and_nothing_that_is_frozen(name: str) -> None:
    model, vision = add_lora(encoder(name), **SETTINGS, embeddings=True), name in VISION
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    start = [weight.detach().clone() for weight in trained]
    # Under a student, whose training mode leaves out the batch norms.
    student = Student(model, Vision(features(name, model).shape[1], n_classes=2)) if vision else model
    student.train()
    optimiser = torch.optim.AdamW([weight for weight in student.parameters() if weight.requires_grad], lr=0.01)
    for _ in range(3):
        optimiser.zero_grad()
        (student(IMAGES).logits if vision else features(name, model)).square().sum().backward()
        optimiser.step()
    assert not any(torch.equal(*pair) for pair in zip(trained, start, strict=True))
    plain, after = encoder(name).state_dict(), dict(frozen(model))
    assert after.keys() == plain.keys()
    assert not [tensor for tensor, values in plain.items() if not torch.equal(values, after[tensor])]


@pytest.mark.parametrize("name", ["vit", "resnet", "bert", "clip_text"])
def test_dropout_acts_in_training_only(name: str) -> None:
    model = adapted(name, dropout=0.5)
    expected = features(name, adapted(name))
    assert torch.allclose(features(name, model), expected, atol=1e-5), "in the mode of the encoder from the first call"
    model.train()
    assert not torch.allclose(features(name, model), features(name, model), atol=1e-5)
    model.eval()
    if name != "resnet":  # whose statistics the training mode has moved
        assert torch.allclose(features(name, model), expected, atol=1e-5)


def test_dropout_of_a_dilated_convolution_acts_on_the_adapter_alone() -> None:
    layer = nn.Sequential(nn.Conv2d(3, 4, 3, padding=2, dilation=2, bias=False))
    model = add_lora(layer, **(SETTINGS | {"dropout": 1 - 1e-9})).train()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_()
        assert torch.allclose(model(IMAGES), layer[0].get_base_layer()(IMAGES)), "all of the adapter's input is dropped"
        layer[0].lora_dropout["default"].p = 1e-9
        dropped = model(IMAGES)
        assert torch.allclose(dropped, model.eval()(IMAGES), atol=1e-4), "nothing of it is"


def test_of_a_scaled_convolution_the_kernels_alone_train() -> None:
    module = nn.Sequential(ScaledStdConv2d(3, 4, 3, bias=False))
    model = add_lora(module, **SETTINGS)
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert [name.split(".0.", 1)[1] for name in trained] == ["lora_A.default.weight", "lora_B.default.weight"]
    with pytest.raises(UserError, match=r"inside this encoder's ScaledStdConv2d: set it to 0"):
        add_lora(nn.Sequential(ScaledStdConv2d(3, 4, 3)), **(SETTINGS | {"dropout": 0.1}))


def test_a_part_with_peft_s_own_name_is_refused() -> None:
    with pytest.raises(UserError, match="named base_layer"):
        add_lora(nn.ModuleDict({"base_layer": nn.Linear(4, 4)}), **SETTINGS)


def test_convolutions_but_the_grouped_are_adapted() -> None:
    assert "patch_embed.proj" in layers(adapted("vit"))
    names = layers(adapted("convnext"))
    assert not any("conv_dw" in name for name in names)
    assert any("mlp.fc1" in name for name in names)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"\.1\..*fc", {"blocks.1.mlp.fc1", "blocks.1.mlp.fc2"}),
        (r"^patch", {"patch_embed.proj"}),
        (r"s\.0\.attn\.proj$", {"blocks.0.attn.proj"}),
    ],
)
def test_modules_names_the_layers_to_adapt(pattern: str, expected: set[str]) -> None:
    model = adapted("vit", modules=pattern)
    assert layers(model).keys() == expected
    plain = encoder("vit").state_dict()
    moved = {name for name, weight in merge_lora(model).state_dict().items() if not torch.equal(weight, plain[name])}
    assert moved == {f"{name}.weight" for name in expected}


def test_modules_may_choose_thirds_towers_and_embeddings() -> None:
    thirds = {f"blocks.{block}.attn.qkv.{third}" for block in range(6) for third in "qv"}
    assert layers(adapted("vit", modules=r"qkv\.[qv]$", split_qkv=True)).keys() == thirds
    text = layers(add_lora(open_clip_model(), **SETTINGS, modules=r"^(?!visual)"))
    assert {"transformer.resblocks.0.attn", "transformer.resblocks.0.attn.out_proj"} < text.keys()
    assert not any(name.startswith("visual") for name in text)
    words = adapted("bert", modules="word_embeddings", embeddings=True)
    assert layers(words).keys() == {"tower.embeddings.word_embeddings"}


def test_embeddings_are_adapted_when_asked() -> None:
    more = layers(adapted("bert", embeddings=True)).keys() - layers(adapted("bert")).keys()
    assert more == {f"tower.embeddings.{kind}_embeddings" for kind in ("word", "position", "token_type")}
    rescaled = nn.Sequential(nn.Embedding(3, 4, max_norm=1.0), nn.Linear(4, 4))
    assert layers(add_lora(rescaled, **SETTINGS, embeddings=True)).keys() == {"1"}


def test_without_linear_layers_convolutions_and_embeddings_are_left() -> None:
    assert layers(adapted("vit", linear=False)).keys() == {"patch_embed.proj"}
    assert all("embeddings" in name for name in layers(adapted("bert", linear=False, embeddings=True)))
    assert "attention" not in layers(adapted("pooled", linear=False))


def test_attention_with_keys_of_another_width_stays_frozen() -> None:
    module = nn.ModuleDict({"attention": nn.MultiheadAttention(8, 2, kdim=4, vdim=4), "linear": nn.Linear(8, 8)})
    assert layers(add_lora(module, **SETTINGS)).keys() == {"linear"}


def test_without_attention_is_what_adapters_on_out_proj_amount_to() -> None:
    assert layers(adapted("pooled", attention=False)).keys() == {"patches"}
    on_output = LoraConfig(r=2, target_modules=r"attention\.out_proj", init_lora_weights=False)
    model = get_peft_model(encoder("pooled"), on_output)
    assert layers(model).keys() == {"attention.out_proj"}
    assert torch.allclose(model(IMAGES), encoder("pooled")(IMAGES), atol=1e-6)


def test_an_adapted_attention_counts_each_adapter_once() -> None:
    model, plain = adapted("pooled", modules="attention"), encoder("pooled")
    found, attention = layers(model), plain.attention
    with torch.no_grad():
        attention.in_proj_weight += found["attention"].get_delta_weight("default")
        attention.out_proj.weight += found["attention.out_proj"].get_delta_weight("default")
    assert torch.allclose(model(IMAGES), plain(IMAGES), atol=1e-6)
    before = model(IMAGES)
    found["attention"].merge()
    assert torch.allclose(model(IMAGES), plain(IMAGES), atol=1e-6)
    found["attention"].unmerge()
    assert torch.allclose(model(IMAGES), before, atol=1e-6)
    with model.disable_adapter():
        assert torch.allclose(model(IMAGES), encoder("pooled")(IMAGES), atol=1e-6)


def test_seed_decides_the_start_and_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    for name, options in (("vit", {"split_qkv": True}), ("pooled", {}), ("bert", {"embeddings": True})):
        one, same, other = (
            dict(add_lora(encoder(name), **(SETTINGS | options | {"seed": seed})).named_parameters())
            for seed in (0, 0, 1)
        )
        drawn = [weight for weight in one if "lora_" in weight and one[weight].any()]
        assert drawn
        assert all(torch.equal(one[weight], same[weight]) for weight in one)
        assert not any(torch.equal(one[weight], other[weight]) for weight in drawn)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("training", [False, True])
def test_the_mode_of_every_layer_stays(training: bool) -> None:
    module = encoder("resnet").train(training)
    module.bn1.train(not training)
    model = add_lora(module, **SETTINGS)
    assert module.bn1.training != training
    assert all(adapter.training == training for adapter in layers(model).values())
    assert all(part.training == training for adapter in layers(model).values() for part in adapter.modules())


@pytest.mark.parametrize(
    ("name", "options"),
    [("vit", {}), ("vit", {"split_qkv": True, "modules": r"qkv\.v"}), ("bert", {"embeddings": True})],
)
def test_saved_adapter_is_read_by_peft(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    model = adapted(name, **options)
    save_lora(model, tmp_path, {"lineage": {}})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert json.loads((tmp_path / "adapter_config.json").read_text())["r"] == 2
    again = encoder(name)
    if "split_qkv" in options:
        split_qkv(again)
    loaded = PeftModel.from_pretrained(again, str(tmp_path)).eval()
    assert torch.allclose(features(name, loaded), features(name, model.eval()), atol=1e-5)


def test_saved_adapter_tells_no_place(tmp_path: Path) -> None:
    bert = encoder("bert").tower
    bert.name_or_path = "/somebody/s/models"
    save_lora(add_lora(bert, **SETTINGS, embeddings=True), tmp_path, {"lineage": {}})
    assert not any(b"somebody" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_merged_text_tower_is_saved_and_read_as_any_other(tmp_path: Path) -> None:
    model = adapted("text_tower", embeddings=True)
    expected = features("text_tower", model)
    merged = merge_lora(model)
    assert isinstance(merged, TextTower)
    merged.save(tmp_path / "tower")
    again = load_text_tower(str(tmp_path / "tower"))
    assert torch.allclose(again(again.tokenize(CAPTIONS)), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("pooled", {"dropout": 0.1}, "LoRA's dropout cannot act .* set it to 0"),
        ("vit", {"modules": "attention"}, r"'attention' is found in no layer's name: .*blocks\.0\.attn\.qkv, .*fc1"),
        ("vit", {"modules": "attention", "split_qkv": True}, r"blocks\.0\.attn\.qkv\.q, "),
        ("bert", {"modules": "word_embeddings"}, "is found in no layer's name"),
        ("bert", {"linear": False}, "no layer for LoRA of the kinds asked for"),
        ("vit", {"modules": "qkv("}, r"'qkv\(' is no regular expression"),
        ("pooled", {"split_qkv": True}, "no fused qkv"),
    ],
)
def test_user_errors_leave_the_encoder_as_it_was(name: str, options: dict[str, Any], message: str) -> None:
    module = encoder(name)
    with pytest.raises(UserError, match=message) as raised:
        add_lora(module, **(SETTINGS | options))
    assert "\n" not in str(raised.value)
    assert [type(part) for part in module.modules()] == [type(part) for part in encoder(name).modules()]
    assert all(weight.requires_grad for weight in module.parameters() if weight.is_floating_point())


def test_nothing_to_adapt_and_dropout_beside_a_frozen_attention() -> None:
    with pytest.raises(UserError, match="no layer for LoRA"):
        add_lora(nn.Flatten(), **SETTINGS)
    dropped = add_lora(Pooled(), r=2, alpha=2, dropout=0.1, seed=0, modules="patches")
    assert layers(dropped).keys() == {"patches"}
    assert layers(adapted("pooled", dropout=0.1, attention=False)).keys() == {"patches"}
