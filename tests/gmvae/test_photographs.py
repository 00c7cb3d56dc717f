import pytest
import torch

from gmvae.augmentation import Augmentation
from gmvae.photographs import photograph_views


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scenes(n: int = 64, colors: int = 1) -> torch.Tensor:
    """Smooth slopes from left (dark) to right (light), with a bright spot."""
    x = torch.linspace(0.1, 0.7, 20).expand(n, 12, 20).clone()
    x[:, 3:6, 4:8] = 0.9
    return x[..., None].expand(n, 12, 20, colors).flatten(1)


def test_views_stay_in_the_range_and_keep_most_of_an_image() -> None:
    x = scenes()
    y = photograph_views(x, (12, 20), 1.0, generator())
    assert y.shape == x.shape
    assert x.min() <= y.min() <= y.max() <= x.max()
    assert 0.01 < (y - x).abs().mean() < 0.3
    assert ((y - x).abs().amax(dim=1) > 0.02).all()


def test_half_of_the_views_are_mirrored() -> None:
    x = scenes(4000)
    y = photograph_views(x, (12, 20), 1e-6, generator()).view(-1, 12, 20)
    mirrored = y[:, :, 0].mean(1) > y[:, :, -1].mean(1)
    assert abs(mirrored.float().mean().item() - 0.5) < 0.03
    original = x.view(-1, 12, 20)
    torch.testing.assert_close(y[~mirrored], original[~mirrored], atol=1e-4, rtol=0)
    torch.testing.assert_close(y[mirrored], original[mirrored].flip(2), atol=1e-4, rtol=0)


def test_a_crop_shows_a_part_of_the_image_and_nothing_beside_it() -> None:
    """A slope without noise: what a crop shows of it is a slope between two of its values."""
    x = torch.linspace(0, 1, 40).expand(500, 10, 40).flatten(1)
    y = photograph_views(x, (10, 40), 1.0, generator()).view(500, 10, 40).median(dim=1).values
    spread = (y[:, -3:].mean(1) - y[:, :3].mean(1)).abs()
    assert spread.min() > 0.4
    assert 0.7 < spread.mean() < 0.98


def test_colours_go_together() -> None:
    x = scenes(300, colors=3).view(300, 12, 20, 3) * torch.tensor([1.0, 0.5, 0.25])
    y = photograph_views(x.flatten(1), (12, 20, 3), 1.0, generator()).view(300, 12, 20, 3)
    red, green = y[..., 0].flatten(), y[..., 1].flatten()
    assert torch.corrcoef(torch.stack([red, green]))[0, 1] > 0.9
    assert abs((red.mean() / green.mean()).item() - 2) < 0.1


def test_views_depend_on_the_generator_alone_and_differ_between_images() -> None:
    views = Augmentation((12, 20), 1.0, "photo")
    x = scenes()
    assert torch.equal(views(x, generator(1)), views(x, generator(1)))
    assert not torch.equal(views(x, generator(1)), views(x, generator(2)))
    y = views(x, generator())
    assert not torch.equal(y[0], y[1])
    assert torch.equal(Augmentation((12, 20), 0.0, "photo")(x, generator()), x)


@pytest.mark.parametrize("strength", [0.3, 1.0, 5.0])
def test_stronger_views_are_further_away_and_never_broken(strength: float) -> None:
    y = photograph_views(scenes(), (12, 20), strength, generator())
    assert torch.isfinite(y).all()


def test_a_stronger_view_changes_more() -> None:
    x = scenes(500)

    def change(strength: float) -> float:
        y = photograph_views(x, (12, 20), strength, generator()).view(-1, 12, 20)
        original = x.view(-1, 12, 20)
        return float(torch.minimum((y - original).abs().mean((1, 2)), (y - original.flip(2)).abs().mean((1, 2))).mean())

    assert change(0.2) < change(1.0) < change(2.0)
