"""The small trained parts: the text head h_t, and one class for each way in which a student classifies.

A form of student is a module from backbone features v (B, d_img) to `StudentOutput`. `sizes` are the arguments that
make it again.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class StudentOutput(NamedTuple):
    """What a student says of a batch.

    Attributes:
        logits: (B, C) y_hat.
        t_hat: (B, d_txt) predicted text embedding, not normalised; None where none is predicted.
    """

    logits: Tensor
    t_hat: Tensor | None


class TextHead(nn.Module):
    """h_t: Linear(d, hidden) - LeakyReLU(0.1) - Linear(hidden, C); the teacher is one, trained on text embeddings.

    With `normalise` it sees the input's direction alone: L_KD ignores the norm of t_hat, so a head that was trained on
    unit text embeddings would otherwise see arbitrary scales in the student. The released code does not.
    """

    def __init__(self, d: int, n_classes: int, hidden: int, normalise: bool = True) -> None:
        super().__init__()
        self.hidden, self.normalise = hidden, normalise
        self.layers = nn.Sequential(nn.Linear(d, hidden), nn.LeakyReLU(0.1), nn.Linear(hidden, n_classes))

    def forward(self, embedding: Tensor) -> Tensor:
        """(B, d) embeddings -> (B, C) logits."""
        logits: Tensor = self.layers(F.normalize(embedding, dim=-1) if self.normalise else embedding)
        return logits


class Vision(nn.Module):
    """y_hat = h_v(v): no text takes part."""

    form = "vision"

    def __init__(self, d_img: int, n_classes: int) -> None:
        super().__init__()
        self.sizes: dict[str, Any] = {"d_img": d_img, "n_classes": n_classes}
        self.h_v = nn.Linear(d_img, n_classes)

    def forward(self, v: Tensor) -> StudentOutput:
        return StudentOutput(self.h_v(v), None)


class LateFusion(nn.Module):
    """y_hat = g([h_v(v), h_t(t_hat)]), t_hat = h_d(v): the paper's (arXiv 2504.16181; docs/architecture.md, step 3).

    g starts as the mean of both branches, [I/2, I/2] with no bias. Started at the vision logits alone, [I, 0], the text
    half hardly grew in a short training, and the text branch, trained all the same, was not used (measured on the
    phantom's seed 0). Without that start, g is drawn as any linear layer is.
    """

    form = "late"

    def __init__(self, d_img: int, n_classes: int, d_txt: int, hidden: int, normalise: bool = True) -> None:
        super().__init__()
        self.sizes: dict[str, Any] = {
            "d_img": d_img,
            "n_classes": n_classes,
            "d_txt": d_txt,
            "hidden": hidden,
            "normalise": normalise,
        }
        self.h_v = nn.Linear(d_img, n_classes)
        self.h_d = nn.Linear(d_img, d_txt)
        self.h_t = TextHead(d_txt, n_classes, hidden, normalise)
        self.g = nn.Linear(2 * n_classes, n_classes)

    def start_at_the_mean(self) -> None:
        """g as the mean of both branches."""
        n_classes = self.g.out_features
        with torch.no_grad():
            self.g.weight.copy_(torch.eye(n_classes).repeat(1, 2) / 2)
            self.g.bias.zero_()

    def forward(self, v: Tensor, *, vision: bool = True, text: bool = True) -> StudentOutput:
        """A branch that is switched off gives zero logits to g."""
        t_hat = self.h_d(v)
        branches = [self.h_v(v) * float(vision), self.h_t(t_hat) * float(text)]
        return StudentOutput(self.g(torch.cat(branches, dim=-1)), t_hat)


class EarlyFusion(nn.Module):
    """y_hat = g([v, t_hat / |t_hat|]), g linear over features and predicted text together."""

    form = "early"

    def __init__(self, d_img: int, n_classes: int, d_txt: int) -> None:
        super().__init__()
        self.sizes: dict[str, Any] = {"d_img": d_img, "n_classes": n_classes, "d_txt": d_txt}
        self.h_d = nn.Linear(d_img, d_txt)
        self.g = nn.Linear(d_img + d_txt, n_classes)

    def forward(self, v: Tensor, *, vision: bool = True, text: bool = True) -> StudentOutput:
        """A half that is switched off gives zeros to g."""
        t_hat = self.h_d(v)
        halves = [v * float(vision), F.normalize(t_hat, dim=-1) * float(text)]
        return StudentOutput(self.g(torch.cat(halves, dim=-1)), t_hat)


class DirectDistillation(nn.Module):
    """y_hat = h_v(v); t_hat = h_d(v) is distilled and takes no part in the classification, so h_d is not exported."""

    form = "direct"

    def __init__(self, d_img: int, n_classes: int, d_txt: int) -> None:
        super().__init__()
        self.sizes: dict[str, Any] = {"d_img": d_img, "n_classes": n_classes, "d_txt": d_txt}
        self.h_v = nn.Linear(d_img, n_classes)
        self.h_d = nn.Linear(d_img, d_txt)

    def forward(self, v: Tensor) -> StudentOutput:
        return StudentOutput(self.h_v(v), self.h_d(v))

    def exported(self) -> Vision:
        """Without h_d."""
        vision = Vision(self.sizes["d_img"], self.sizes["n_classes"])
        vision.h_v.load_state_dict(self.h_v.state_dict())
        return vision


class Contrastive(nn.Module):
    """y_hat_c = cos(P v, prompt_c) / temperature: a CLIP's image tower against the embedded names of the classes.

    P is the tower's own projection into the space shared with texts (the identity where the tower ends there); the
    prompts are constants. t_hat = P v.
    """

    form = "contrastive"
    temperature = 0.07

    def __init__(self, d_img: int, n_classes: int, d_txt: int) -> None:
        super().__init__()
        self.sizes: dict[str, Any] = {"d_img": d_img, "n_classes": n_classes, "d_txt": d_txt}
        self.projection = nn.Linear(d_img, d_txt)
        self.register_buffer("prompts", torch.zeros(n_classes, d_txt))

    def forward(self, v: Tensor) -> StudentOutput:
        t_hat = self.projection(v)
        prompts = F.normalize(self.prompts, dim=-1)  # type: ignore[arg-type]
        return StudentOutput(F.normalize(t_hat, dim=-1) @ prompts.T / self.temperature, t_hat)


FORMS: dict[str, Any] = {form.form: form for form in (Vision, LateFusion, EarlyFusion, DirectDistillation, Contrastive)}
"""The forms of a student by name."""
