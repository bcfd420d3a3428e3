"""A stand-in for the package of CONCH's authors: its names, signatures and names of weights, around a tiny model.

As theirs, `create_model_from_pretrained` leaves random what a checkpoint does not hold, and `tokenize` calls a method
that transformers 5 no longer has.
"""

from typing import Any

import torch
from timm.models.vision_transformer import VisionTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerFast

_WORDS = ["normal", "mucosa", "of", "the", "colon", "tubular", "adenoma", "grade", "adenocarcinoma", "with", "mucin"]


class AttentionalPooler(nn.Module):
    def __init__(self, d_model: int, context_dim: int, n_head: int, n_queries: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(n_queries, d_model))
        self.attn = nn.MultiheadAttention(d_model, n_head, kdim=context_dim, vdim=context_dim)
        self.ln_q, self.ln_k = nn.LayerNorm(d_model), nn.LayerNorm(context_dim)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ln_k(x).permute(1, 0, 2)
        query = self.ln_q(self.query).unsqueeze(1).repeat(1, x.shape[1], 1)
        return self.attn(query, x, x, need_weights=False)[0].permute(1, 0, 2)


class VisualModel(nn.Module):
    def __init__(self, d: int, image_size: int) -> None:
        super().__init__()
        size = {"img_size": image_size, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3, "mlp_ratio": 2}
        self.trunk = VisionTransformer(**size, num_classes=0, dynamic_img_size=True)
        self.trunk.forward = self.trunk.forward_features
        self.image_size = (image_size, image_size)
        self.attn_pool_contrast = AttentionalPooler(d, 24, n_head=2, n_queries=1)
        self.ln_contrast = nn.LayerNorm(d)
        self.proj_contrast = nn.Parameter(torch.randn(d, d))
        self.attn_pool_caption = AttentionalPooler(24, 24, n_head=2, n_queries=3)
        self.ln_caption = nn.LayerNorm(24)

    def forward_no_head(self, x: Tensor, normalize: bool = False) -> Tensor:
        pooled = self.ln_contrast(self.attn_pool_contrast(self.trunk(x))[:, 0])
        return functional.normalize(pooled, dim=-1) if normalize else pooled

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.forward_no_head(x) @ self.proj_contrast, self.ln_caption(self.attn_pool_caption(self.trunk(x)))


class TextTransformer(nn.Module):
    def __init__(self, d: int, context_length: int, vocab_size: int, pad_id: int) -> None:
        super().__init__()
        self.pad_id = pad_id
        self.cls_emb = nn.Parameter(torch.randn(16))
        self.token_embedding = nn.Embedding(vocab_size, 16)
        self.positional_embedding = nn.Parameter(torch.randn(context_length, 16))
        self.transformer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0, batch_first=True)
        self.ln_final = nn.LayerNorm(16)
        self.text_projection = nn.Parameter(torch.randn(16, d))

    def forward(self, text: Tensor) -> Tensor:
        x = torch.cat([self.token_embedding(text), self.cls_emb.expand(len(text), 1, -1)], dim=1)
        padding = functional.pad(text == self.pad_id, (0, 1), value=False)
        x = self.transformer(x + self.positional_embedding, src_key_padding_mask=padding)
        return self.ln_final(x[:, -1]) @ self.text_projection


class CoCa(nn.Module):
    def __init__(self, image_size: int = 32) -> None:
        super().__init__()
        self.embed_dim, self.context_length, self.pad_id = 8, 128, 0
        self.visual = VisualModel(self.embed_dim, image_size)
        self.text = TextTransformer(self.embed_dim, self.context_length, 64, self.pad_id)
        self.text_decoder = nn.Linear(24, 64)
        self.logit_scale = nn.Parameter(torch.ones([]))

    def encode_image(self, images: Tensor, normalize: bool = True, proj_contrast: bool = True) -> Tensor:
        if not proj_contrast:
            return self.visual.forward_no_head(images, normalize=normalize)
        latent = self.visual(images)[0]
        return functional.normalize(latent, dim=-1) if normalize else latent

    def encode_text(self, text: Tensor, normalize: bool = True, embed_cls: bool = True) -> Tensor:
        latent = self.text(text[:, :-1] if embed_cls else text)
        return functional.normalize(latent, dim=-1) if normalize else latent


def create_model_from_pretrained(
    model_cfg: str,
    checkpoint_path: str | None = None,
    device: str = "cpu",
    jit: bool = False,
    force_image_size: int | None = None,
    return_transform: bool = True,
    image_mean: tuple[float, ...] | None = None,
    image_std: tuple[float, ...] | None = None,
    cache_dir: str | None = None,
    hf_auth_token: str | None = None,
) -> Any:
    assert model_cfg == "conch_ViT-B-16"
    assert not checkpoint_path.startswith("hf_hub:"), "the stand-in downloads nothing"
    model = CoCa()
    state = torch.load(checkpoint_path, map_location="cpu")
    state["visual.trunk.pos_embed"]
    model.load_state_dict(state, strict=False)
    model.visual.image_mean = (0.48145466, 0.4578275, 0.40821073)
    model.visual.image_std = (0.26862954, 0.26130258, 0.27577711)
    return (model.to(device), None) if return_transform else model.to(device)


def get_tokenizer() -> PreTrainedTokenizerFast:
    special = ["<pad>", "<start_of_text>", "<end_of_text>", "<unk>"]
    words = {word: index for index, word in enumerate([*special, *_WORDS])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start_of_text> $A <end_of_text>", special_tokens=[("<start_of_text>", 1), ("<end_of_text>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<start_of_text>", eos_token="<end_of_text>", pad_token="<pad>"
    )


def tokenize(tokenizer: Any, texts: list[str]) -> Tensor:
    tokens = tokenizer.batch_encode_plus(
        texts, max_length=127, add_special_tokens=True, return_token_type_ids=False, truncation=True,
        padding="max_length", return_tensors="pt",
    )  # fmt: skip
    return functional.pad(tokens["input_ids"], (0, 1), value=tokenizer.pad_token_id)
