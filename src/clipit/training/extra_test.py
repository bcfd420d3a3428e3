"""What a trained model says of another data set's patches: nothing is trained, nothing adapts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin, check_lineage
from clipit.artifacts.schemas import report_embeddings as report_schema
from clipit.artifacts.tables import embedding_matrix, read_table
from clipit.models.inference import predict_probabilities
from clipit.models.student_file import load_student
from clipit.models.tensor_file import read_tensors
from clipit.runtime.errors import UserError
from clipit.runtime.names import nearest
from clipit.training.examples import SAME_MPP, UNLABELLED, Examples, join_examples, resolution
from clipit.training.predictions import write_predictions
from clipit.training.probe import probe_probabilities, read_features
from clipit.training.zeroshot import zeroshot_probabilities

Tables = Mapping[str, Path]
"""`patches`, `splits` and `labels` of a data set."""

_TRAINED_ON = ("patches", "reports")
"""What a model's lineage names that another data set is not of."""


def predict_extra(
    model: Path,
    vectors: Sequence[Path],
    store: Path,
    data: Tables,
    own: Tables,
    *,
    out: Path,
    kind: Literal["student", "probe", "zeroshot"],
    classes: Mapping[str, str] | None,
    split: Literal["test", "all"],
    batch: int = 128,
    device: str = "cpu",
    threads: int,
    origin: Origin,
) -> None:
    """Writes what a frozen model says of another data set, as predictions of a split `test`, labels as its own classes.

    Patches with the pixels of one that the model was trained or chosen on are left out. `extra_test` of the metadata:
    `split`; `classes` {their class: the model's}; `unmapped` {class of theirs: labelled patches left out}; `seen`
    {"train" or "val" of the model's data set: patches left out}; `shared`: patches with the pixels of one of its test
    set; `mpp`, where they are known and differ, microns per pixel of the model's `own` patches and of those `here`,
    else null.

    Args:
        model: student.json of a student, probe.safetensors of a probe, for `zeroshot` the embedded class names.
        vectors: all parts of the other data set's features or image embeddings, which the latter two look at.
        store: its patch store.
        data: its tables.
        own: those of the data set that the model was trained on.
        out: the table to write.
        kind: see `model`.
        classes: the model's class that each of theirs counts as; None: the one of the same name.
        split: which of its patches.
        batch: patches at a time.
        device: a torch device.
        threads: torch threads.
        origin: who asks.

    Raises:
        UserError: a class is mapped that does not exist, or none is; no patch of the mapped ones is labelled; or the
            files do not belong together (features by another backbone than the model's).
    """
    torch.set_num_threads(threads)
    there, trained = join_examples(**data), join_examples(**own)
    examples, facts = _asked(there, trained, data, own, classes, split)
    chosen = examples.labelled("test")
    stored = [(str(table.path), table.lineage) for table in examples.stored]
    if kind == "student":
        exported = load_student(model.parent)
        knows = exported.description["provenance"]["lineage"]
        if tuple(exported.classes) != trained.classes:
            raise UserError(f"{model} knows other classes than {own['labels']}: train it again")
        rows = examples.row[chosen]
        probabilities = predict_probabilities(
            exported.student, exported.transform, PatchStore(store), rows, batch=batch, device=device
        )
    else:
        matrix, parts = read_features(vectors, examples.patch_id[chosen])
        stored += [(str(part.path), part.lineage) for part in parts]
        say = _probe if kind == "probe" else _zeroshot
        probabilities, knows = say(model, matrix)
    check_lineage(
        (str(model), {"patches": knows["patches"]} if "patches" in knows else {}),
        *((str(table.path), {"patches": table.lineage["patches"]}) for table in trained.stored),
    )
    encoders = {name: digest for name, digest in knows.items() if name not in _TRAINED_ON}
    inputs = {"model": model, **data, **{f"own_{name}": path for name, path in own.items()}}
    inputs |= {f"vectors/{path.name}": path for path in vectors}
    provenance = origin.provenance(lineage=check_lineage((str(model), encoders), *stored), inputs=inputs)
    write_predictions(out, examples, probabilities, provenance, ("test",), {"extra_test": facts})


def _asked(
    there: Examples,
    trained: Examples,
    data: Tables,
    own: Tables,
    classes: Mapping[str, str] | None,
    split: Literal["test", "all"],
) -> tuple[Examples, dict[str, Any]]:
    """The patches `there` with labels as the model knows them where they are asked for, and `extra_test`."""
    mapped = map_classes(there.classes, trained.classes, classes, where=f"{data['labels']}, {own['labels']}")
    # The last one is what UNLABELLED, which is -1, finds.
    to = np.array([mapped.get(c, UNLABELLED) for c in range(len(there.classes))] + [UNLABELLED])
    tested = there.split == "test" if split == "test" else np.ones(len(there.split), dtype=bool)
    marked = np.where(tested, "test", "").astype(object)
    examples = replace(there, split=marked, label=to[there.label], classes=trained.classes)
    shared = _shared(there, trained)
    asked = examples.labelled("test")
    seen = asked[np.isin(shared[asked], ["train", "val"])]
    examples.label[seen] = UNLABELLED
    chosen = examples.labelled("test")
    if len(seen) and not len(chosen):
        raise UserError(
            f"{data['labels']}: every patch has the pixels of one that the models were trained or chosen on: name "
            "another data set"
        )
    if not len(chosen):
        what, known = "test patch" if split == "test" else "patch", ", ".join(there.classes[c] for c in mapped)
        raise UserError(f"{data['labels']}: no {what} of {known} is labelled: label some, or map other classes")
    left_out = Counter(there.classes[c] for c in there.label[tested] if c != UNLABELLED and c not in mapped)
    return examples, {
        "split": split,
        "classes": {there.classes[c]: trained.classes[to[c]] for c in mapped},
        "unmapped": dict(sorted(left_out.items())),
        "seen": dict(sorted(Counter(shared[seen]).items())),
        "shared": int(np.sum(shared[chosen] == "test")),
        "mpp": _resolutions(trained, there),
    }


def _resolutions(own: Examples, here: Examples) -> dict[str, float] | None:
    """Microns per pixel of both, where both are known and differ."""
    mpp = {"own": resolution(own), "here": resolution(here)}
    known = [value for value in mpp.values() if value is not None]
    if len(known) < len(mpp) or max(known) <= SAME_MPP * min(known):
        return None
    return {"own": known[0], "here": known[1]}


def _probe(model: Path, features: np.ndarray) -> tuple[np.ndarray, Mapping[str, str]]:
    """What a probe says of `features`, and its lineage."""
    probe = read_tensors(model)
    return probe_probabilities(probe.tensors, features), probe.lineage


def _zeroshot(model: Path, images: np.ndarray) -> tuple[np.ndarray, Mapping[str, str]]:
    """What embedded class names say of embedded `images`, and their lineage."""
    prompts = read_table(model, report_schema.schema())
    return zeroshot_probabilities(images, embedding_matrix(prompts)), prompts.lineage


def map_classes(
    theirs: Sequence[str], ours: Sequence[str], given: Mapping[str, str] | None, *, where: str
) -> dict[int, int]:
    """{index of a class of theirs: index of the class of ours that it counts as}; `given` by name, None: equal names.

    Raises:
        UserError: a name of `given` is no class, or no class is mapped; `where` says which data sets are meant.
    """
    names = {name: name for name in theirs if name in ours} if given is None else given
    for name, known in [(name, theirs) for name in names] + [(name, ours) for name in names.values()]:
        if name not in known:
            near = nearest(name, known)
            raise UserError(f"{where}: extra_tests.classes: {name!r} is none of the classes {', '.join(known)}{near}")
    if not names:
        raise UserError(
            f"{where}: none of the classes {', '.join(theirs)} is one of {', '.join(ours)}: say under "
            "extra_tests.classes which is which"
        )
    return {theirs.index(name): ours.index(to) for name, to in names.items()}


def _shared(there: Examples, own: Examples) -> np.ndarray:
    """Of each patch the split of the one with the same pixels in the model's data set, object (n,); "" for none."""
    split_of = dict(zip(own.stored[0].column("sha256"), own.split, strict=True))
    return np.array([split_of.get(pixels, "") for pixels in there.stored[0].column("sha256")], dtype=object)
