import pytest
import torch

from gmvae.augmentation import Augmentation


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 4, size: int = 12) -> torch.Tensor:
    x = torch.zeros(n, size, size)
    x[:, 3:9, 5:7] = 1
    return x.flatten(1)


def test_strength_zero_changes_nothing() -> None:
    x = images()
    assert torch.equal(Augmentation((12, 12), 0.0)(x, generator()), x)
    assert torch.equal(Augmentation(None, 0.0)(x, generator()), x)


def test_a_tiny_warp_is_nearly_the_identity() -> None:
    x = images()
    torch.testing.assert_close(Augmentation((12, 12), 1e-6)(x, generator()), x, atol=1e-4, rtol=0)


def test_views_keep_the_range_and_most_of_the_ink() -> None:
    x = images(64)
    y = Augmentation((12, 12), 1.0)(x, generator())
    assert 0 <= y.min() <= y.max() <= 1 + 1e-6
    assert 0.8 < (y.sum() / x.sum()).item() < 1.2
    assert ((y - x).abs().amax(dim=1) > 0.05).all()


def test_views_depend_on_the_generator_alone() -> None:
    warp, x = Augmentation((12, 12), 1.0), images()
    assert torch.equal(warp(x, generator(1)), warp(x, generator(1)))
    assert not torch.equal(warp(x, generator(1)), warp(x, generator(2)))


def test_every_item_gets_its_own_view() -> None:
    y = Augmentation((12, 12), 1.0)(images(2), generator())
    assert not torch.equal(y[0], y[1])


def test_oblong_images_are_warped_in_their_shape() -> None:
    x = torch.zeros(200, 6, 20)
    x[:, 2:4, 3:17] = 1
    mean = Augmentation((6, 20), 1.0)(x.flatten(1), generator()).view(200, 6, 20).mean(0)
    assert mean[2:4, 5:15].min() > 0.6
    assert mean[:, :1].max() < 0.3


def test_a_share_of_a_vectors_values_comes_from_other_items_of_the_same_feature() -> None:
    x = torch.arange(2000.0)[:, None] + 10_000 * torch.arange(3.0)
    y = Augmentation(None, 2.0)(x, generator())
    assert abs((y != x).float().mean().item() - 0.4) < 0.02
    assert torch.equal(y // 10_000, torch.arange(3.0).expand(2000, 3))


def test_swapped_values_are_what_a_slow_loop_swaps() -> None:
    x, source, y = torch.rand(6, 3), generator(3), torch.empty(6, 3)
    chance, others = torch.rand(6, 3, generator=source), torch.randint(6, (6, 3), generator=source)
    for i in range(6):
        for j in range(3):
            y[i, j] = x[others[i, j], j] if chance[i, j] < 0.2 else x[i, j]
    assert torch.equal(Augmentation(None, 1.0)(x, generator(3)), y)


@pytest.mark.parametrize("n_features", [1, 2])
def test_a_short_vector_goes_a_fifth_of_the_way_to_another_item(n_features: int) -> None:
    x = torch.rand(50, n_features, generator=generator(1))
    others = torch.randint(50, (50,), generator=generator(3))
    expected = torch.stack([0.8 * x[i] + 0.2 * x[other] for i, other in enumerate(others.tolist())])
    torch.testing.assert_close(Augmentation(None, 1.0)(x, generator(3)), expected)


def test_a_short_vector_goes_no_further_than_the_other_item() -> None:
    x = torch.rand(50, 2, generator=generator(1))
    y = Augmentation(None, 9.0)(x, generator())
    assert all((row == x).all(dim=1).any() for row in y)
