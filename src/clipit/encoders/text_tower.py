"""Text towers: a `transformers` encoder with mean pooling, loaded from a folder or made over a corpus's own words."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast

from clipit.encoders.quiet import quiet
from clipit.encoders.retriever import pad
from clipit.encoders.weights import loading, local_folder
from clipit.runtime.errors import UserError
from clipit.runtime.names import LOCAL

_PAD, _UNKNOWN, _START, _END = _SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


class TextTower(nn.Module):
    """A `transformers` encoder and its tokenizer; a text's features are the mean over its tokens.

    Attributes:
        d: number of features.
        context_length: tokens read at most, special ones included.
    """

    def __init__(self, encoder: nn.Module, tokenizer: Any, context_length: int) -> None:
        super().__init__()
        self.encoder, self.tokenizer, self.context_length = encoder, tokenizer, context_length
        self.d: int = encoder.config.hidden_size  # type: ignore[union-attr,assignment]

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special ones included, not truncated."""
        ids: list[list[int]] = self.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
        return ids

    def forward(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Token ids, at most `context_length` a text, to features (B, d): the mean over each text's own tokens."""
        device = next(self.parameters()).device
        ids = pad(tokens, self.tokenizer.pad_token_id).to(device)
        lengths = torch.tensor([len(text) for text in tokens], device=device)
        mask = torch.arange(ids.shape[1], device=device) < lengths[:, None]
        states = self.encoder(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return (states * mask[..., None]).sum(dim=1) / lengths[:, None]

    def save(self, folder: Path) -> None:
        """Writes config.json, model.safetensors, tokenizer.json and tokenizer_config.json in place of `folder`."""
        temporary = folder.with_name(f".{folder.name}.writing")
        shutil.rmtree(temporary, ignore_errors=True)
        with quiet():
            self.encoder.save_pretrained(temporary)  # type: ignore[operator]
            self.tokenizer.save_pretrained(temporary)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)


def load_text_tower(name: str, context_length: int | None = None) -> TextTower:
    """Loads the encoder in a folder, in evaluation mode; the network is not used.

    Args:
        name: a `transformers` folder, with or without `local-dir:` before it.
        context_length: tokens to read; None: all that the encoder takes.

    Raises:
        UserError: the folder is missing, incomplete or holds no text encoder.
    """
    name = LOCAL + name.removeprefix(LOCAL)
    folder = local_folder(name, "config.json")
    with loading(name), quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        encoder = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    if encoder.config.is_encoder_decoder or tokenizer.pad_token_id is None:
        raise UserError(f"{name} is no text encoder with a padding token: name the folder of one, a BERT say")
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # unused, and random where the folder has no weights for it
    longest = min(tokenizer.model_max_length, getattr(encoder.config, "max_position_embeddings", 512))
    return TextTower(encoder.eval(), tokenizer, min(context_length or longest, longest))


def words_text_tower(
    captions: Iterable[str], *, layers: int, width: int, heads: int, context_length: int, seed: int
) -> TextTower:
    """A small BERT with random weights, drawn from `seed`, over the lower-cased words and signs of `captions`."""
    tokenizer = _words_tokenizer(captions, context_length)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=context_length,
        type_vocab_size=1,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = BertModel(config, add_pooling_layer=False)
    return TextTower(encoder, tokenizer, context_length)


def _words_tokenizer(captions: Iterable[str], context_length: int) -> PreTrainedTokenizerFast:
    normalizer, splitter = normalizers.Lowercase(), pre_tokenizers.BertPreTokenizer()
    words = {word for caption in captions for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(caption))}
    vocabulary = {word: index for index, word in enumerate((*_SPECIAL, *sorted(words - set(_SPECIAL))))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=_UNKNOWN))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_START} $A {_END}",
        special_tokens=[(token, vocabulary[token]) for token in (_START, _END)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=context_length,
        pad_token=_PAD,
        unk_token=_UNKNOWN,
        cls_token=_START,
        sep_token=_END,
    )
