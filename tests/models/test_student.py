import pytest
import torch
from torch import nn

from clipit.models.heads import TextHead, late_fusion
from clipit.models.student import Student


def student(d_txt: int | None = 6) -> Student:
    backbone = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Student(backbone, d_img=5, n_classes=3, d_txt=d_txt, hidden=7)


def test_shapes_with_and_without_text_branch() -> None:
    images = torch.randn(4, 3, 8, 8)
    logits, t_hat = student()(images)
    assert logits.shape == (4, 3)
    assert t_hat is not None
    assert t_hat.shape == (4, 6)
    alone = student(d_txt=None)
    assert alone(images).t_hat is None
    assert {name.split(".")[0] for name in alone.state_dict()} == {"backbone", "h_v"}


def test_fusion_starts_as_the_mean_of_both_branches() -> None:
    model, features = student(), torch.randn(4, 5)
    output = model.classify(features)
    assert output.t_hat is not None
    both = (model.h_v(features) + model.h_t(output.t_hat)) / 2
    assert torch.allclose(output.logits, both, atol=1e-6)
    assert late_fusion(3).weight.shape == (3, 6)


def test_text_branch_gets_gradients_through_the_fusion() -> None:
    model, features = student(), torch.randn(4, 5)
    model.classify(features).logits[:, 0].sum().backward()
    assert model.g.weight.grad is not None
    assert model.g.weight.grad[:, 3:].abs().max() > 0


def test_zeroed_branches() -> None:
    model, features = student(), torch.randn(4, 5)
    nn.init.normal_(model.g.weight)
    bias_only = model.classify(features, vision=False, text=False).logits
    assert torch.allclose(bias_only, model.g.bias.expand(4, 3))
    assert not torch.allclose(model.classify(features, vision=False).logits, model.classify(features).logits)


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_text_head_sees_directions_only(scale: float) -> None:
    head, embedding = TextHead(6, 3, 7), torch.randn(4, 6)
    assert torch.allclose(head(embedding * scale), head(embedding), atol=1e-6)


def test_batch_norm_statistics_never_move() -> None:
    model = student().train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model(torch.randn(4, 3, 8, 8) + 3)
    assert model.training
    assert before
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
