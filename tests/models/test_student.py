import pytest
import torch
from torch import Tensor, nn

from clipit.models.heads import FORMS, Contrastive, DirectDistillation, EarlyFusion, LateFusion, TextHead, Vision
from clipit.models.student import Student

D_IMG, C, D_TXT = 5, 3, 6


def head(form: str) -> nn.Module:
    sizes = {"d_img": D_IMG, "n_classes": C}
    sizes |= {"d_txt": D_TXT} if form != "vision" else {}
    sizes |= {"hidden": 7} if form == "late" else {}
    made: nn.Module = FORMS[form](**sizes)
    if isinstance(made, Contrastive):
        made.prompts = torch.randn(C, D_TXT)
    return made


def late() -> LateFusion:
    return LateFusion(D_IMG, C, D_TXT, 7)


def backbone() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, D_IMG, 3), nn.BatchNorm2d(D_IMG), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_logits_and_is_made_again_from_its_sizes(form: str) -> None:
    model = Student(backbone(), head(form)).eval()
    logits, t_hat = model(torch.randn(4, 3, 8, 8))
    assert logits.shape == (4, C)
    assert (t_hat is None) == (form == "vision")
    assert t_hat is None or t_hat.shape == (4, D_TXT)
    again = FORMS[form](**model.head.sizes)  # type: ignore[arg-type]
    again.load_state_dict(model.head.state_dict())
    v = torch.randn(2, D_IMG)
    assert torch.equal(again(v).logits, model.head(v).logits)


def test_fusion_started_at_the_mean_is_the_mean_of_both_branches() -> None:
    model, v = late(), torch.randn(4, D_IMG)
    model.start_at_the_mean()
    output = model(v)
    assert torch.allclose(output.logits, (model.h_v(v) + model.h_t(output.t_hat)) / 2, atol=1e-6)


def test_text_branch_gets_gradients_through_the_fusion() -> None:
    model = late()
    model(torch.randn(4, D_IMG)).logits[:, 0].sum().backward()
    assert model.g.weight.grad is not None
    assert model.g.weight.grad[:, C:].abs().max() > 0


@pytest.mark.parametrize("form", ["late", "early"])
def test_zeroed_branches(form: str) -> None:
    model, v = head(form), torch.randn(4, D_IMG)
    nn.init.normal_(model.g.weight)  # type: ignore[union-attr,arg-type]
    nothing = model(v, vision=False, text=False).logits
    assert torch.allclose(nothing, model.g.bias.expand(4, C))  # type: ignore[union-attr,operator]
    assert not torch.allclose(model(v, vision=False).logits, model(v).logits)
    assert not torch.allclose(model(v, text=False).logits, model(v).logits)


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_text_head_sees_directions_only_where_it_normalises(scale: float) -> None:
    embedding = torch.randn(4, D_TXT)
    for normalise in (True, False):
        model = TextHead(D_TXT, C, 7, normalise)
        assert torch.allclose(model(embedding * scale), model(embedding), atol=1e-6) == normalise


def test_early_fusion_sees_directions_only() -> None:
    model, v = EarlyFusion(D_IMG, C, D_TXT), torch.randn(4, D_IMG)
    before = model(v).logits
    with torch.no_grad():
        model.h_d.weight *= 10
        model.h_d.bias *= 10
    assert torch.allclose(model(v).logits, before, atol=1e-5)


def test_direct_distillation_is_exported_without_what_it_distils() -> None:
    model, v = DirectDistillation(D_IMG, C, D_TXT), torch.randn(4, D_IMG)
    exported = model.exported()
    assert isinstance(exported, Vision)
    assert torch.equal(exported(v).logits, model(v).logits)


def test_contrastive_logits_are_cosines_over_the_temperature() -> None:
    model, v = Contrastive(D_IMG, C, D_TXT), torch.randn(4, D_IMG)
    model.prompts = torch.randn(C, D_TXT)
    t_hat = model.projection(v)
    expected = torch.cosine_similarity(t_hat[:, None], model.prompts[None], dim=-1) / 0.07
    assert torch.allclose(model(v).logits, expected, atol=1e-5)


def test_batch_norm_statistics_never_move() -> None:
    model = Student(backbone(), head("vision")).train()
    before: dict[str, Tensor] = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model(torch.randn(4, 3, 8, 8) + 3)
    assert model.training
    assert before
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
