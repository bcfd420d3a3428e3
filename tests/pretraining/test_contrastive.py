import torch
from open_clip.loss import ClipLoss
from torch.nn.functional import normalize

from clipit.pretraining.contrastive import MultiPositiveClipLoss, number


def features(n: int, seed: int) -> torch.Tensor:
    return normalize(torch.randn(n, 8, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_distinct_captions_give_the_clip_loss():
    v, t, scale = features(6, 0), features(6, 1), torch.tensor(10.0)
    ours = MultiPositiveClipLoss()(v, t, scale, torch.arange(6))
    torch.testing.assert_close(ours, ClipLoss()(v, t, scale))


def test_an_equal_caption_is_no_negative():
    """Images that lie on their caption are not pushed from the same caption of another image."""
    v = torch.eye(2).repeat_interleave(2, dim=0)
    scale = torch.tensor(50.0)
    shared = MultiPositiveClipLoss()(v, v, scale, torch.tensor([0, 0, 1, 1]))
    assert abs(shared.item() - torch.log(torch.tensor(2.0)).item()) < 1e-4  # its floor: two captions, one half each
    v.requires_grad_()
    MultiPositiveClipLoss()(v, v.detach(), scale, torch.tensor([0, 0, 1, 1])).backward()
    assert v.grad.abs().max() < 1e-4


def test_number_gives_equal_captions_one_number():
    assert number(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]
