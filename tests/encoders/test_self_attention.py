import copy

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from clipit.encoders.self_attention import SelfAttention, use_self_attention

N, D = 10, 16


@pytest.fixture
def pair():
    """Attention as torch has it, and ours with the same weights."""
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(D, 2, batch_first=True).eval()
    nn.init.normal_(theirs.in_proj_bias)
    return theirs, use_self_attention(copy.deepcopy(theirs))


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that is made."""

    elements = 0

    def __torch_dispatch__(self, function, types, arguments=(), settings=None):
        made = function(*arguments, **(settings or {}))
        if isinstance(made, torch.Tensor) and "expand" not in str(function):
            self.elements = max(self.elements, made.numel())
        return made


CAUSAL = torch.ones(N, N, dtype=torch.bool).triu(1)


@pytest.mark.parametrize("mask", [None, CAUSAL, torch.zeros(N, N).masked_fill(CAUSAL, float("-inf"))])
def test_the_sums_are_torchs_own(pair, mask):
    theirs, ours = pair
    x = torch.randn(3, N, D)
    expected = theirs(x, x, x, need_weights=False, attn_mask=mask)[0]
    assert torch.allclose(ours(x, x, x, need_weights=False, attn_mask=mask)[0], expected, atol=1e-6)


def test_other_attention_is_left_to_torch(pair):
    theirs, ours = pair
    x, y = torch.randn(2, N, D), torch.randn(2, 4, D)
    padding = torch.zeros(2, N, dtype=torch.bool)
    padding[:, 7:] = True
    for keys, asked in ((y, {"need_weights": False}), (x, {}), (x, {"key_padding_mask": padding})):
        for found, expected in zip(ours(x, keys, keys, **asked), theirs(x, keys, keys, **asked), strict=True):
            assert found is expected is None or torch.allclose(found, expected, atol=1e-6)


def test_no_copy_of_the_weights_for_every_place(pair):
    x = torch.randn(4, N, D)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16), Largest() as largest:
        pair[1](x, x, x, need_weights=False)
    assert largest.elements == 4 * N * 3 * D  # queries, keys and values


def test_weights_keep_their_names_and_train(pair):
    theirs, ours = pair
    assert isinstance(ours, SelfAttention)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    x = torch.randn(2, N, D)
    for attention in pair:
        attention(x, x, x, need_weights=False)[0].square().sum().backward()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, atol=1e-4)


def test_keys_of_another_width_are_left_alone():
    attention = nn.MultiheadAttention(D, 2, kdim=8, vdim=8, batch_first=True)
    assert type(use_self_attention(nn.Sequential(attention))[0]) is nn.MultiheadAttention
