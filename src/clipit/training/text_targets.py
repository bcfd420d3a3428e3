"""Targets that a text tower computes while it trains: each distinct text of a batch once."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipit.artifacts.provenance import check_lineage
from clipit.artifacts.report_vectors import ReportVectors
from clipit.artifacts.schemas import reports as reports_schema
from clipit.artifacts.tables import Stored, agree, read_table
from clipit.encoders.retriever import Retriever, truncate
from clipit.models.lora import add_lora
from clipit.runtime.errors import UserError
from clipit.training.targets import Mixture

_ENCODE = 64
"""Texts encoded at a time where there are many."""


class TextTargets(nn.Module):
    """The targets of patches by the present weights of a retriever's text tower, whose adapters alone train.

    Args:
        retriever: the retriever; its text tower gets adapters, all else is frozen.
        tokens: token ids of every chunk of the corpus, in the order of `reports.chunks`.
        reports: the reports, for which chunk is whose.
        mixture: which reports make up which patch's target.
        patch_id: the patches, in the order that `forward` knows them by.
        lora: `r`, `alpha`, `dropout`, `linear`, and `modules` if not all layers are adapted.
        everything: embeddings are adapted as well, and `nn.MultiheadAttention` is not: the `upstream` protocol.
        seed: of the adapters.
    """

    def __init__(
        self,
        retriever: Retriever,
        tokens: Sequence[Sequence[int]],
        reports: ReportVectors,
        mixture: Mixture,
        patch_id: Sequence[str] | np.ndarray,
        *,
        lora: Mapping[str, Any],
        everything: bool,
        seed: int,
    ) -> None:
        super().__init__()
        if reports.pooling == "max":
            raise UserError("training.lora.text: chunks pooled by max cannot train: choose pooling mean or late")
        encoder = retriever.text_encoder()
        if isinstance(retriever, nn.Module):
            retriever.requires_grad_(False)
        self.adapted = add_lora(encoder, **lora, seed=seed, embeddings=everything, attention=not everything)
        self._retriever, self._tokens, self._late = (retriever,), tokens, reports.pooling == "late"
        self._first = reports.first
        self._report, self._chunk, self._weight = mixture.report, mixture.chunk, mixture.weight
        order = np.argsort(mixture.patch, kind="stable")
        bounds = np.searchsorted(mixture.patch[order], np.arange(len(mixture.patch_id) + 1))
        row_of = {name: row for row, name in enumerate(mixture.patch_id)}
        rows = [row_of[name] for name in patch_id]
        self._entries = [order[bounds[row] : bounds[row + 1]] for row in rows]

    def train(self, mode: bool = True) -> Self:
        """The tower stays in evaluation mode, whatever dropout it was trained with; that of the adapters acts."""
        super().train(mode)
        for name, module in self.adapted.named_modules():
            module.training = mode and "lora_dropout" in name
        return self

    def to_device(self, device: str) -> None:
        """Moves the whole retriever, of which this module knows only the adapted part."""
        self._retriever[0].to(device)

    @torch.no_grad()
    def of_many(self, patches: Tensor) -> Tensor:
        """As `forward`, of any number of patches, on the CPU and without a gradient."""
        self.eval()
        return self._mixed(patches, lambda texts: _in_parts(self._vectors, texts))

    @torch.no_grad()
    def encode_all(self) -> Tensor:
        """Unit vectors (chunks, d) of all chunks of the corpus, on the CPU."""
        self.eval()
        return _in_parts(self.encode, np.arange(len(self._tokens)))

    def forward(self, patches: Tensor) -> Tensor:
        """int64 (B,) positions in `patch_id` to unit vectors (B, d)."""
        return self._mixed(patches, self._vectors)

    def _mixed(self, patches: Tensor, vectors_of: Callable[[np.ndarray], Tensor]) -> Tensor:
        """The targets of `patches`, of the vectors of the texts with these numbers, each distinct one once."""
        entries = [self._entries[i] for i in patches.tolist()]
        flat = np.concatenate(entries)
        texts, back = np.unique(self._chunk[flat] if self._late else self._report[flat], return_inverse=True)
        vectors = vectors_of(texts)
        weight = torch.from_numpy(self._weight[flat]).to(vectors)
        owner = torch.from_numpy(np.repeat(np.arange(len(entries)), [len(one) for one in entries])).to(vectors.device)
        mixed = vectors.new_zeros(len(entries), vectors.shape[1])
        index = torch.from_numpy(back).to(vectors.device)
        return F.normalize(mixed.index_add(0, owner, vectors[index] * weight[:, None]), dim=-1)

    def encode(self, chunks: np.ndarray) -> Tensor:
        """Unit vectors (chunks, d) of the chunks with these numbers."""
        return self._retriever[0].encode_texts([self._tokens[i] for i in chunks])

    def _vectors(self, texts: np.ndarray) -> Tensor:
        """Of chunks where pooling is late, else of reports."""
        return self.encode(texts) if self._late else self._pooled(texts)

    def _pooled(self, reports: np.ndarray) -> Tensor:
        """The normalised mean of each report's chunks."""
        counts = self._first[reports + 1] - self._first[reports]
        vectors = self.encode(np.concatenate([np.arange(self._first[i], self._first[i + 1]) for i in reports]))
        owner = torch.from_numpy(np.repeat(np.arange(len(reports)), counts)).to(vectors.device)
        sums = vectors.new_zeros(len(reports), vectors.shape[1]).index_add(0, owner, vectors)
        return F.normalize(sums, dim=-1)


def _in_parts(encode: Callable[[np.ndarray], Tensor], texts: np.ndarray) -> Tensor:
    """`encode` of `texts`, some at a time."""
    return torch.cat([encode(part).float().cpu() for part in np.split(texts, range(_ENCODE, len(texts), _ENCODE))])


def read_tokens(reports: Path, vectors: ReportVectors, retriever: Retriever) -> tuple[list[list[int]], Stored]:
    """Token ids of every chunk that was embedded, in the order of `vectors.chunks`, and the table of reports.

    Raises:
        UserError: the reports are not those that were embedded, or not by this retriever.
    """
    table = read_table(reports, reports_schema.SCHEMA)
    agree(table, vectors.stored)
    by = ("the retriever", {"retriever": retriever.digest})
    check_lineage((str(vectors.stored.path), vectors.stored.lineage), by)
    text_of = dict(zip(table.column("report_id"), table.column("text"), strict=True))
    rows = vectors.stored.table
    report, start, stop = (rows.column(name).to_pylist() for name in ("report_id", "start", "stop"))
    passages = [text_of[report[i]][start[i] : stop[i]] for i in vectors.order]
    return [truncate(ids, retriever.context_length) for ids in retriever.tokenize(passages)], table
