import numpy as np
import torch

from clipit.training.batches import plan_steps, rounds_of

SETTINGS = {"steps": 6, "batch": 4, "augment": "dihedral", "seed": 0}


def test_labelled_half_is_the_same_with_and_without_unlabelled() -> None:
    labelled, unlabelled = np.arange(5), np.arange(5, 30)
    alone = plan_steps(labelled, unlabelled[:0], **SETTINGS)
    both = plan_steps(labelled, unlabelled, **SETTINGS)
    for one, two in zip(alone, both, strict=True):
        assert torch.equal(one.patches, two.patches[:4])
        assert torch.equal(one.symmetries, two.symmetries[:4])
        assert two.n_labelled == 4
        assert (two.patches[4:] >= 5).all()
    seen = torch.cat([step.patches[4:] for step in both])
    assert len(seen.unique()) == 24  # 6 x 4 draws of 25 before any comes again


def test_every_labelled_patch_is_seen_equally_often() -> None:
    plan = plan_steps(np.arange(8), np.arange(0), **SETTINGS)
    assert torch.bincount(torch.cat([step.patches for step in plan])).tolist() == [3] * 8


def test_rounds_cover_the_plan() -> None:
    plan = plan_steps(np.arange(8), np.arange(0), **SETTINGS)
    assert [len(part) for part in rounds_of(plan, 4)] == [1, 2, 1, 2]
    assert len(rounds_of(plan, 10)) == 6
