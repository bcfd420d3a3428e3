import math

import pytest
import torch

from clipit.training.optimisers import schedule_of


def rates(steps: int, epoch: int, **settings: object) -> list[float]:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], lr=0.1)
    defaults = {"lr": 0.1, "schedule": "cosine", "schedule_steps": None, "schedule_unit": "step", "lr_end": 0.0}
    schedule = schedule_of(optimiser, defaults | settings, steps=steps, epoch=epoch)
    found = []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


@pytest.mark.parametrize("schedule_steps", [None, 10, 4])
def test_the_cosine_is_the_usual_one(schedule_steps: int | None) -> None:
    period = schedule_steps or 6
    expected = [0.01 + 0.09 * (1 + math.cos(math.pi * t / period)) / 2 for t in range(6)]
    assert rates(6, 3, schedule_steps=schedule_steps, lr_end=0.01) == pytest.approx(expected)


def test_a_rate_that_moves_with_the_epochs_stays_within_one() -> None:
    found = rates(6, 2, schedule_unit="epoch")
    assert found[::2] == found[1::2]
    assert found[::2] == pytest.approx([0.05 * (1 + math.cos(math.pi * i / 3)) for i in range(3)])
    assert rates(6, 2, schedule="constant") == [0.1] * 6
