"""A small text tower over the words of a set of captions: a tokenizer and an untrained BERT."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

_PAD, _UNKNOWN, _START, _END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
_SPECIAL = (_PAD, _UNKNOWN, _START, _END)


def word_tokenizer(captions: Sequence[str], context_length: int) -> PreTrainedTokenizerFast:
    """A tokenizer whose vocabulary is the lower-cased words of `captions`; numbers are read digit by digit.

    Punctuation is dropped; every other word is `[UNK]`.
    """
    normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(Regex(r"[^\p{L}\p{N}]+"), " ")])
    splitter = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(individual_digits=True)])
    counts: Counter[str] = Counter()
    for caption in captions:
        counts.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(caption)))
    words = [*_SPECIAL, *sorted(set(counts) | set("0123456789"))]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_START} $A {_END}", special_tokens=[(_START, words.index(_START)), (_END, words.index(_END))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=context_length,
        pad_token=_PAD,
        unk_token=_UNKNOWN,
        cls_token=_START,
        sep_token=_END,
    )


def word_tower(vocabulary: int, words: Mapping[str, Any]) -> BertModel:
    """An untrained BERT of `words["layers"]` layers, `words["width"]` and `words["heads"]`, without a pooler."""
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=words["width"],
        num_hidden_layers=words["layers"],
        num_attention_heads=words["heads"],
        intermediate_size=4 * words["width"],
        max_position_embeddings=words["context_length"],
        pad_token_id=0,
    )
    return BertModel(config, add_pooling_layer=False)
