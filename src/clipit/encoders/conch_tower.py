"""CONCH's image encoder up to the features that its authors advise for classifiers, without the authors' package.

A student that starts from it needs timm alone to be loaded.
"""

from collections.abc import Mapping
from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class AttentionPool(nn.Module):
    """One learnt query attends to the tokens; linear layers of its own, so that adapters reach each of them."""

    def __init__(self, d: int, d_tokens: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Parameter(torch.zeros(1, d))
        self.ln_q, self.ln_k = nn.LayerNorm(d), nn.LayerNorm(d_tokens)
        self.q, self.k, self.v = nn.Linear(d, d), nn.Linear(d_tokens, d), nn.Linear(d_tokens, d)
        self.out = nn.Linear(d, d)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, n, d_tokens) to (B, d)."""
        tokens = self.ln_k(tokens)
        query = self.q(self.ln_q(self.query)).expand(len(tokens), -1, -1)
        heads = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (query, self.k(tokens), self.v(tokens))
        )
        pooled: Tensor = self.out(scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))
        return pooled[:, 0]


class ConchTower(nn.Module):
    """A ViT without its pooling, an attention pool and a normalisation: (B, 3, s, s) to (B, d)."""

    def __init__(self, trunk: Mapping[str, Any], d: int, pool_heads: int) -> None:
        super().__init__()
        self.trunk = VisionTransformer(**trunk, num_classes=0, dynamic_img_size=True)
        self.pool = AttentionPool(d, self.trunk.embed_dim, pool_heads)
        self.ln = nn.LayerNorm(d)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.ln(self.pool(self.trunk.forward_features(images)))
        return features


def tower_spec(visual: Any) -> dict[str, Any]:
    """The arguments of `ConchTower` for the authors' image encoder, as JSON values."""
    trunk, pool = visual.trunk, visual.attn_pool_contrast
    block = trunk.blocks[0]
    return {
        "trunk": {
            "img_size": visual.image_size[0],
            "patch_size": trunk.patch_embed.patch_size[0],
            "embed_dim": trunk.embed_dim,
            "depth": len(trunk.blocks),
            "num_heads": block.attn.num_heads,
            "mlp_ratio": block.mlp.fc1.out_features / trunk.embed_dim,
        },
        "d": pool.query.shape[1],
        "pool_heads": pool.attn.num_heads,
    }


def tower_weights(visual: Any) -> dict[str, Tensor]:
    """The authors' weights by the names of `ConchTower`; its captioning pool and its projection are left out."""
    weights: dict[str, Tensor] = visual.state_dict()
    pool = "attn_pool_contrast."
    renamed = {name: weight for name, weight in weights.items() if name.startswith("trunk.")}
    renamed |= {name.replace("ln_contrast", "ln"): weights[name] for name in weights if name.startswith("ln_contrast.")}
    for name in ("query", "ln_q.weight", "ln_q.bias", "ln_k.weight", "ln_k.bias"):
        renamed[f"pool.{name}"] = weights[pool + name]
    for part, bias in zip("qkv", weights[f"{pool}attn.in_proj_bias"].chunk(3), strict=True):
        renamed |= {f"pool.{part}.weight": weights[f"{pool}attn.{part}_proj_weight"], f"pool.{part}.bias": bias}
    for kind in ("weight", "bias"):
        renamed[f"pool.out.{kind}"] = weights[f"{pool}attn.out_proj.{kind}"]
    return renamed
