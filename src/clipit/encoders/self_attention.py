"""open_clip's attention without a detour that torch takes where nothing trains."""

from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention


class SelfAttention(nn.MultiheadAttention):
    """`nn.MultiheadAttention` that multiplies a batch of sequences (B, n, d) as it lies in memory.

    torch's own first brings it into the order (n, B, d). Without gradients it then multiplies the scattered rows of
    every place by a copy of the weights of its own: in bfloat16 on a CPU, a ViT-B/16 takes seconds for a batch of four
    in place of tenths (torch 2.13). The sums are the same.
    """

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """As `nn.MultiheadAttention`, to which all is left but a batch that attends to itself, by one bias or none."""
        itself = query is key and key is value and query.ndim == 3 and self.batch_first
        one_bias = attn_mask is None or (attn_mask.ndim == 2 and attn_mask.is_floating_point())
        if need_weights or key_padding_mask is not None or not itself or not one_bias:
            return super().forward(
                query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
            )
        projected = linear(query, self.in_proj_weight, self.in_proj_bias)
        q, k, v = projected.unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        bias = None if attn_mask is None else attn_mask.to(q.dtype)
        dropout = self.dropout if self.training else 0.0
        attended = scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout)
        return linear(attended.transpose(1, 2).flatten(2), self.out_proj.weight, self.out_proj.bias), None


def use_self_attention(module: nn.Module) -> nn.Module:
    """`module`, whose `nn.MultiheadAttention` are now `SelfAttention`; weights and their names stay what they are."""
    for part in module.modules():
        # Those with keys of another width, or with learnt extra ones, attend to something else.
        if type(part) is nn.MultiheadAttention and part.in_proj_weight is not None and part.bias_k is None:
            part.__class__ = SelfAttention
    return module
