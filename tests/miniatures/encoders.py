"""Tiny encoders with random weights, one for each way in which the real ones read their layers, in evaluation mode."""

from collections.abc import Callable
from typing import Any

import open_clip
import timm
import torch
from open_clip.model import CLIPTextCfg, CLIPVisionCfg
from torch import Tensor, nn
from transformers import BertConfig, BertModel, CLIPTextConfig, CLIPTextModel, DebertaV2Config, DebertaV2Model

from clipit.encoders.self_attention import use_self_attention
from clipit.encoders.text_tower import words_text_tower

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
CAPTIONS = ("mucin and glands", "stroma , debris and lymphocytes")
IDS = torch.tensor([[3, 5, 8, 13, 21, 29], [3, 4, 7, 11, 18, 29]])
_LAYERS = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_BERT = _LAYERS | {"initializer_range": 0.3, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
"""With weights so large that the attention is far from uniform."""


class Pooled(nn.Module):
    """A vision encoder on `nn.MultiheadAttention`, as open_clip's towers are."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, stride=8)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        return self.attention(tokens, tokens, tokens, need_weights=False)[0].mean(dim=1)


class Text(nn.Module):
    """Token ids (B, n) to features (B, d)."""

    def __init__(self, tower: nn.Module, read: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.tower, self.read = tower, read

    def forward(self, ids: Tensor) -> Tensor:
        return self.read(self.tower, ids)


def _timm(name: str, **sizes: Any) -> nn.Module:
    model = timm.create_model(name, pretrained=False, num_classes=0, **sizes)
    for module in model.modules():  # timm starts some scales at 0 or nearly so, which hides the layers before them
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
        if isinstance(getattr(module, "gamma", None), nn.Parameter):
            nn.init.ones_(module.gamma)
    return model


def _bert() -> nn.Module:
    config = BertConfig(vocab_size=30, max_position_embeddings=6, type_vocab_size=1, **_BERT)
    return Text(BertModel(config, add_pooling_layer=False), lambda tower, ids: tower(ids).last_hidden_state[:, 0])


def _text_tower() -> nn.Module:
    tower = words_text_tower(CAPTIONS, layers=2, width=16, heads=2, context_length=8, seed=0)
    for module in tower.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return tower


def _deberta() -> nn.Module:
    relative = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 4}
    config = DebertaV2Config(vocab_size=30, max_position_embeddings=6, **_BERT, **relative)
    return Text(DebertaV2Model(config), lambda tower, ids: tower(ids).last_hidden_state[:, 0])


def _clip_text() -> nn.Module:
    config = CLIPTextConfig(vocab_size=30, max_position_embeddings=6, bos_token_id=3, eos_token_id=29, **_LAYERS)
    return Text(CLIPTextModel(config), lambda tower, ids: tower(ids).pooler_output)


def open_clip_model() -> nn.Module:
    """Both towers."""
    text = CLIPTextCfg(context_length=6, vocab_size=30, width=16, heads=2, layers=2)
    return open_clip.CLIP(8, CLIPVisionCfg(layers=1, width=16, head_width=8, patch_size=16, image_size=32), text)


def _open_clip_text() -> nn.Module:
    model = open_clip_model()
    model.visual = nn.Identity()
    return Text(model, lambda tower, ids: tower.encode_text(ids))


_MAKERS: dict[str, Callable[[], nn.Module]] = {
    "vit": lambda: _timm("test_vit", img_size=32),
    "resnet": lambda: _timm("test_resnet"),
    "convnext": lambda: _timm("test_convnext"),
    "beit": lambda: _timm("beit_base_patch16_224", img_size=32, embed_dim=32, depth=2, num_heads=2),
    "pooled": Pooled,
    "pooled_ours": lambda: use_self_attention(Pooled()),
    "bert": _bert,
    "text_tower": _text_tower,
    "deberta": _deberta,
    "clip_text": _clip_text,
    "open_clip": _open_clip_text,
    "open_clip_ours": lambda: use_self_attention(_open_clip_text()),
}
VISION = ("vit", "resnet", "convnext", "beit", "pooled", "pooled_ours")
TEXT = ("bert", "text_tower", "deberta", "clip_text", "open_clip", "open_clip_ours")


def encoder(name: str) -> nn.Module:
    """The same weights every time; the global random state stays."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _MAKERS[name]().eval()


def features(name: str, module: nn.Module) -> Tensor:
    """What the encoder called `name`, adapted or not, makes of its two inputs: (2, d)."""
    if name in VISION:
        return module(IMAGES)
    return module(module.tokenize(CAPTIONS) if name == "text_tower" else IDS)
