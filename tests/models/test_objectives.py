import pytest
import torch

from clipit.models.objectives import distillation_loss, distillation_skill


def test_loss_is_one_minus_cosine_whatever_the_norm() -> None:
    t_hat = torch.tensor([[3.0, 0.0], [0.0, 0.1], [-2.0, 0.0]])
    assert distillation_loss(t_hat, torch.tensor([[1.0, 0.0]]).expand(3, 2)).tolist() == pytest.approx([0, 1, 2])


def test_no_gradient_reaches_the_target() -> None:
    t_hat, target = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    distillation_loss(t_hat, target).mean().backward()
    assert t_hat.grad is not None
    assert target.grad is None


def test_skill_is_zero_for_the_mean_and_one_for_the_target() -> None:
    target = torch.nn.functional.normalize(torch.randn(50, 6) + 2, dim=-1)
    mean = target.mean(dim=0)
    assert distillation_skill(distillation_loss(mean.expand_as(target), target), target, mean) == pytest.approx(0)
    assert distillation_skill(distillation_loss(target, target), target, mean) == pytest.approx(1, abs=1e-5)
