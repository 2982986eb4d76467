"""Seeds: each seed and each purpose has draws of its own, and they never change."""

import numpy as np
import pytest
import torch

from epidl import seeds

PURPOSES = [
    (),
    ("noise",),
    ("no", "ise"),
    ("a", "bc"),
    ("ab", "c"),
    ("trial", 1),
    ("trial", 2),
    (1, 1),
    (11,),
]


def first_draws(seed: int, *purpose: object) -> list[float]:
    """The first number of each kind of draw."""
    return [
        seeds.generator(seed, *purpose).random(),
        torch.rand(1, generator=seeds.torch_generator(seed, *purpose), dtype=torch.float64).item(),
        seeds.derive(seed, *purpose),
    ]


def test_every_seed_and_purpose_has_draws_of_its_own():
    draws = [first_draws(seed, *purpose) for seed in range(4) for purpose in PURPOSES]
    for kind in zip(*draws, strict=True):
        assert len(set(kind)) == 4 * len(PURPOSES)


def test_a_draw_does_not_depend_on_what_was_drawn_before():
    wanted = first_draws(3, "noise")
    np.random.default_rng(1).random(10), torch.rand(10), first_draws(3, "effects")
    assert first_draws(3, "noise") == wanted


def test_the_draws_of_a_seed_never_change():
    """The published tables rest on these: derived by hand from NumPy's seed sequence and the purpose's
    letters.
    """
    state = np.random.SeedSequence(7, spawn_key=tuple(b"scaling/n1000/3")).generate_state(
        1, np.uint64
    )[0]
    assert seeds.derive(7, "scaling", "n1000", 3) == int(state) // 2
    torch.testing.assert_close(
        torch.rand(5, generator=seeds.torch_generator(7, "scaling", "n1000", 3)),
        torch.rand(5, generator=torch.Generator().manual_seed(int(state) // 2)),
        rtol=0,
        atol=0,
    )


@pytest.mark.parametrize("draw", [seeds.generator, seeds.torch_generator, seeds.derive])
@pytest.mark.parametrize(
    ("seed", "message"),
    [
        (-1, "seed must be at least 0, got -1"),
        (1.5, "seed must be a whole number, got 1.5"),
        (None, "got None"),
    ],
)
def test_a_seed_that_is_none_is_refused(draw, seed, message):
    with pytest.raises(ValueError, match=message):
        draw(seed, "noise")
