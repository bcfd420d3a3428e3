"""What is killed, and when: drawn from a seed, so that every rule gets its share."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Victim = Literal["job", "worker", "snakemake"]

SHARED = "train_student"
"""The rule whose jobs have children: the processes that share the training."""


@dataclass(frozen=True)
class Kill:
    """One SIGKILL.

    Attributes:
        rule: while a job of this rule runs.
        victim: the job's own process, a child of it, or the snakemake above.
        writing: as soon as the job has a file of the results open (its log does not count), `after` seconds later.
            Else `after` is a fraction of the job's usual duration.
        after: when.
    """

    rule: str
    victim: Victim
    writing: bool
    after: float


def kill_plan(rules: Sequence[str], n: int, seed: int) -> list[list[Kill]]:
    """`n` kills, pass by pass: in one pass each rule is hit once, and the shared one by each kind of victim."""
    rng = random.Random(seed)
    passes: list[list[Kill]] = []
    left = n
    while left > 0:
        targets: list[tuple[str, Victim]] = []
        for rule in rules:
            if rule == SHARED:
                targets += [(rule, "job"), (rule, "worker"), (rule, "snakemake")]
            else:
                targets.append((rule, rng.choice(("job", "snakemake"))))
        rng.shuffle(targets)
        passes.append([_drawn(rng, *target) for target in targets[:left]])
        left -= len(passes[-1])
    return passes


def _drawn(rng: random.Random, rule: str, victim: Victim) -> Kill:
    # Most of a short job is imports; what matters is how it writes. Half of the kills look for that.
    if rng.random() < 0.5:
        return Kill(rule, victim, True, rng.choice((0.0, rng.uniform(0, 0.02))))
    return Kill(rule, victim, False, rng.uniform(0, 1))
