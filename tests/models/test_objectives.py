"""Every objective against its formula, written out in float64."""

import numpy as np
import pytest
import torch

from clipit.models.objectives import ContrastiveLoss, CrossEntropy, Distillation, distillation_skill

RNG = np.random.default_rng(0)
LOGITS, LABELS = RNG.normal(size=(6, 3)), np.array([0, 1, 2, 0, 0, 1])


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-np.log(softmax(logits)[np.arange(len(labels)), labels]).mean())


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_cross_entropy_of_logits_and_of_their_softmax() -> None:
    logits, labels = torch.tensor(LOGITS), torch.tensor(LABELS)
    assert float(CrossEntropy()(logits, labels)) == pytest.approx(cross_entropy(LOGITS, LABELS), rel=1e-6)
    twice = float(CrossEntropy(softmax_twice=True)(logits, labels))
    assert twice == pytest.approx(cross_entropy(softmax(LOGITS), LABELS), rel=1e-6)
    assert twice != pytest.approx(cross_entropy(LOGITS, LABELS), rel=0.01)


def test_the_double_softmax_cannot_fall_to_zero() -> None:
    sure = torch.nn.functional.one_hot(torch.tensor(LABELS)) * 1000.0
    assert float(CrossEntropy()(sure, torch.tensor(LABELS))) == pytest.approx(0)
    floor = np.log(1 + 2 / np.e)
    assert float(CrossEntropy(softmax_twice=True)(sure, torch.tensor(LABELS))) == pytest.approx(floor, rel=1e-6)


def test_distillation_is_one_minus_the_cosine_whatever_the_norms() -> None:
    t_hat, target = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 4))
    expected = 1 - (unit(t_hat) * unit(target)).sum(axis=1)
    for scale in (1.0, 7.0):
        loss = Distillation()(torch.tensor(t_hat * scale), torch.tensor(target))
        assert loss.numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("detach", [True, False])
def test_the_target_follows_only_where_it_is_not_detached(detach: bool) -> None:
    t_hat, target = (torch.randn(3, 4, requires_grad=True) for _ in range(2))
    Distillation(detach)(t_hat, target).sum().backward()
    assert t_hat.grad is not None
    assert (target.grad is None) == detach


def test_contrastive_loss_counts_all_images_of_a_class_as_right() -> None:
    images, prompts = unit(RNG.normal(size=(6, 4))), unit(RNG.normal(size=(3, 4)))
    scores = images @ prompts.T / 0.07
    to_image = np.log(softmax(scores.T))
    found = np.mean([to_image[c, c == LABELS].mean() for c in range(3)])
    expected = (cross_entropy(scores, LABELS) - found) / 2
    loss = ContrastiveLoss()(torch.tensor(images) * 3, torch.tensor(prompts), torch.tensor(LABELS))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_a_class_that_the_batch_lacks_takes_no_part() -> None:
    images, prompts, labels = torch.randn(2, 4), torch.randn(3, 4), torch.tensor([0, 0])
    assert torch.isfinite(ContrastiveLoss()(images, prompts, labels))


def test_the_diagonal_counts_an_image_s_own_prompt_alone() -> None:
    images, prompts = unit(RNG.normal(size=(6, 4))), unit(RNG.normal(size=(3, 4)))
    square = images @ prompts[LABELS].T / 0.07
    own = np.arange(6)
    expected = (cross_entropy(square, own) + cross_entropy(square.T, own)) / 2
    loss = ContrastiveLoss(diagonal=True)(torch.tensor(images), torch.tensor(prompts), torch.tensor(LABELS))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_skill_is_zero_for_the_mean_and_one_for_the_target() -> None:
    target = torch.nn.functional.normalize(torch.randn(50, 8) + 2, dim=1)
    mean = target.mean(dim=0)
    loss = Distillation()
    assert distillation_skill(loss(mean.expand_as(target), target), target, mean) == pytest.approx(0, abs=1e-6)
    assert distillation_skill(loss(target, target), target, mean) == pytest.approx(1, abs=1e-6)


def test_one_target_for_all_has_no_skill_to_measure() -> None:
    target = torch.ones(5, 3)
    assert distillation_skill(torch.zeros(5), target, target[0]) is None
