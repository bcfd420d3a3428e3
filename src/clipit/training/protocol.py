"""The two protocols: where the released code behaves otherwise than what we hold right (docs/protocols.md)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """How a student and its teacher are trained, beyond the settings.

    Attributes:
        softmax_twice: cross-entropy of softmax(logits), not of logits.
        start_from_teacher: h_t starts from the teacher's head, g as the mean of both branches; else both at random.
        normalise_text: t and t_hat are L2-normalised before h_t.
        detach_target: no gradient flows into the target.
        adapt_everything: embeddings are adapted as well, and h_v, whose own weights stay frozen within.
        adapt_attention: `nn.MultiheadAttention` is adapted; adapters on its out_proj alone, as in the released code,
            have no effect.
        untrained_counts: the student as it starts takes part in the choice of the best weights.
        patience_watches: what `patience` waits for: the `monitor`, or the mean `train_loss`.
        diagonal: `contrastive` holds only an image's own copy of its class prompt for right.
    """

    softmax_twice: bool
    start_from_teacher: bool
    normalise_text: bool
    detach_target: bool
    adapt_everything: bool
    adapt_attention: bool
    untrained_counts: bool
    patience_watches: str
    diagonal: bool


PROTOCOLS = {
    "corrected": Protocol(
        softmax_twice=False,
        start_from_teacher=True,
        normalise_text=True,
        detach_target=True,
        adapt_everything=False,
        adapt_attention=True,
        untrained_counts=True,
        patience_watches="monitor",
        diagonal=False,
    ),
    "upstream": Protocol(
        softmax_twice=True,
        start_from_teacher=False,
        normalise_text=False,
        detach_target=False,
        adapt_everything=True,
        adapt_attention=False,
        untrained_counts=False,
        patience_watches="train_loss",
        diagonal=True,
    ),
}
