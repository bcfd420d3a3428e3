import pickle
import tracemalloc

import numpy as np
import pytest
import torch

from clipit.training.augmentation import AUGMENTATIONS
from clipit.training.batches import Step, plan_steps, rounds_of

SETTINGS = {"steps": 6, "batch": 4, "augment": "dihedral_colour", "seed": 0}
NOBODY = np.arange(0)


def tensors(step: Step) -> list[torch.Tensor]:
    return [step.patches, *(values for values in step.draws if values is not None)]


def equal(one: Step, two: Step) -> bool:
    pairs = zip(tensors(one), tensors(two), strict=True)
    return one.n_labelled == two.n_labelled and all(torch.equal(left, right) for left, right in pairs)


@pytest.mark.parametrize("augment", AUGMENTATIONS)
def test_labelled_half_is_the_same_with_and_without_unlabelled(augment: str) -> None:
    labelled, unlabelled = np.arange(5), np.arange(5, 30)
    settings = {**SETTINGS, "augment": augment}
    alone = list(plan_steps(labelled, NOBODY, **settings))
    both = list(plan_steps(labelled, unlabelled, **settings))
    assert len(alone) == len(both) == 6
    for one, two in zip(alone, both, strict=True):
        assert all(torch.equal(left, right[:4]) for left, right in zip(tensors(one), tensors(two), strict=True))
        assert one.n_labelled == two.n_labelled == 4
        assert all(len(values) == 8 for values in tensors(two))
        assert (two.patches[4:] >= 5).all()
    seen = torch.cat([step.patches[4:] for step in both])
    assert len(seen.unique()) == 24  # 6 x 4 draws of 25 before any comes again


def test_the_halves_are_drawn_apart() -> None:
    for step in plan_steps(np.arange(4), np.arange(4), **SETTINGS):
        assert not torch.equal(step.draws.factors[:4], step.draws.factors[4:])
    steps = list(plan_steps(np.arange(40), np.arange(40), **SETTINGS))
    assert any(not torch.equal(step.patches[:4], step.patches[4:]) for step in steps)


@pytest.mark.parametrize("n", [1, 3, 5, 8, 24])
def test_each_round_of_a_pool_is_a_new_order_of_it(n: int) -> None:
    pool = np.arange(100, 100 + n)
    seen = torch.cat([step.patches for step in plan_steps(pool, NOBODY, **SETTINGS)])
    rounds = seen.split(n)
    assert len(seen) == 24
    assert all(one.sort().values.tolist() == pool.tolist() for one in rounds if len(one) == n)
    assert len(rounds[-1].unique()) == len(rounds[-1])
    if n == 8:
        assert len({tuple(one.tolist()) for one in rounds}) == 3


def test_same_seed_same_steps_and_no_two_alike() -> None:
    one, same, other = (plan_steps(np.arange(8), NOBODY, **{**SETTINGS, "seed": seed}) for seed in (3, 3, 4))
    assert all(equal(left, right) for left, right in zip(one, same, strict=True))
    assert not any(equal(left, right) for left, right in zip(one, other, strict=True))
    assert len({tuple(step.draws.factors.flatten().tolist()) for step in one}) == 6


def test_any_step_can_be_made_without_those_before() -> None:
    pools = np.arange(7), np.arange(7, 18)
    in_turn = list(plan_steps(*pools, **SETTINGS))
    for i in (5, 0, 3, -1):
        assert equal(plan_steps(*pools, **SETTINGS)[i], in_turn[i])
    longer = plan_steps(*pools, **{**SETTINGS, "steps": 600})
    assert equal(longer[5], in_turn[5])
    assert all(equal(left, right) for left, right in zip(longer.between(2, 6), in_turn[2:], strict=True))
    assert equal(pickle.loads(pickle.dumps(longer))[4], in_turn[4])
    with pytest.raises(IndexError):
        longer[600]


def test_rounds_cover_the_plan() -> None:
    plan = plan_steps(np.arange(8), NOBODY, **SETTINGS)
    rounds = rounds_of(plan, 4)
    assert [len(part) for part in rounds] == [1, 2, 1, 2]
    assert all(equal(*pair) for pair in zip([step for part in rounds for step in part], plan, strict=True))
    assert len(rounds_of(plan, 10)) == 6


@pytest.mark.parametrize("unlabelled", [0, 30])
@pytest.mark.parametrize("world", [1, 2, 4])
def test_the_parts_of_a_step_make_it_up(unlabelled: int, world: int) -> None:
    step = plan_steps(np.arange(10), np.arange(10, 10 + unlabelled), **SETTINGS)[2]
    parts = [step.part(rank, world) for rank in range(world)]
    for whole, *split in zip(tensors(step), *(tensors(part) for part in parts), strict=True):
        labelled = [values[: part.n_labelled] for values, part in zip(split, parts, strict=True)]
        others = [values[part.n_labelled :] for values, part in zip(split, parts, strict=True)]
        assert torch.equal(torch.cat(labelled + others), whole)
    assert {part.n_labelled for part in parts} == {4 // world}
    assert {len(part.patches) for part in parts} == {len(step.patches) // world}


@pytest.mark.parametrize(("rank", "world"), [(0, 3), (2, 2), (-1, 2), (0, 0)])
def test_a_part_that_there_is_not_is_refused(rank: int, world: int) -> None:
    with pytest.raises(ValueError, match=f"no part {rank} of {world} of a step of 4 labelled and 4 other"):
        plan_steps(np.arange(10), np.arange(10, 40), **SETTINGS)[0].part(rank, world)


def test_unlabelled_patches_must_divide_too() -> None:
    step = plan_steps(np.arange(10), np.arange(10, 40), **SETTINGS)[0]
    odd = Step(step.patches[:7], step.draws.at(torch.arange(7)), 4)
    with pytest.raises(ValueError, match="4 labelled and 3 other"):
        odd.part(0, 2)


def test_a_long_plan_takes_no_memory() -> None:
    tracemalloc.start()
    plan = plan_steps(np.arange(300), np.arange(300, 700), **{**SETTINGS, "steps": 100_000, "batch": 64})
    rounds_of(plan, 5)[-1][0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
