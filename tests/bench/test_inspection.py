"""Looking inside a model: small posteriors whose every number can be worked out by hand."""

import numpy as np
import pytest
import torch

from bench.data.dataset import Dataset
from bench.judge.inspection import Inspection, Saved, imagine, latent_map, summarise_clusters
from bench.plan.samplers import labeled_items
from bench.show.explanation import draw_blocks, render_explanation, tell_saved
from gmvae.config import ModelConfig
from gmvae.model import GaussianMixtureVAE


@pytest.fixture
def look() -> Inspection:
    """Two clusters, two classes; six items, two of them labelled."""
    q = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.4, 0.6], [0.1, 0.9], [0.45, 0.55]], np.float32)
    labels = np.array([0, 0, 0, 1, 1, 0])
    dataset = Dataset("tiny", np.zeros((6, 4), np.uint8), labels, ("a", "b"), (2, 2))
    return Inspection(q, dataset, 3, 0)


def test_the_draw_is_the_one_that_runs_make(look: Inspection) -> None:
    shown = labeled_items(look.dataset.labels, look.dataset.sha256, "random", 0, 3)
    assert set(np.flatnonzero(look.given >= 0)) == set(shown)
    assert (look.given[shown] == look.dataset.labels[shown]).all()
    assert look.scored.sum() == 3


def test_confusion_and_gains_count_the_unlabelled_alone(look: Inspection) -> None:
    counts = look.confusion()
    assert counts.sum() == 3
    rest = np.flatnonzero(look.scored)
    for item in rest:
        assert counts[look.dataset.labels[item], look.soft[item]] > 0
    for gain in look.class_gains():
        members = rest[look.dataset.labels[rest] == gain.class_code]
        assert gain.n_items == len(members)
        assert gain.soft == pytest.approx((look.soft[members] == gain.class_code).mean())
        q = look.posterior.q[members].astype(float)
        assert gain.entropy == pytest.approx(-(q * np.log(q)).sum(1).mean(), rel=1e-5)


def test_clusters_are_named_by_their_commonest_class() -> None:
    dataset = Dataset("tiny", np.zeros((6, 1), np.uint8), np.array([0, 0, 1, 1, 1, -1]), ("a", "b"), None)
    first, second, third = summarise_clusters(np.array([1, 1, 1, 0, 0, 0]), dataset, 3)
    assert (first.component, first.size, first.class_code, first.purity) == (0, 3, 1, 1.0)
    assert (second.component, second.size, second.class_code) == (1, 3, 0)
    assert second.purity == pytest.approx(2 / 3)
    assert (third.component, third.size, third.class_code) == (2, 0, None)


def saved_by_soft() -> Inspection:
    """Item 75 lies between clusters: the largest belongs to class a, which is spread over two, the others to class b."""
    rng = np.random.default_rng(0)
    labels = np.r_[np.zeros(30, int), np.ones(60, int)]
    q = np.zeros((90, 4), np.float32)
    q[:15, 0] = q[15:30, 3] = q[30:60, 1] = q[60:, 2] = 1
    q[75] = [0.4, 0.3, 0.3, 0]
    dataset = Dataset("saved", rng.integers(0, 255, (90, 4), dtype=np.uint8), labels, ("a", "b"), (2, 2))
    for seed in range(200):
        look = Inspection(q, dataset, 12, seed)
        votes = np.bincount(look.posterior.assignment[look.given >= 0], minlength=4)
        # Two labels in each of a's clusters: its row of M is (1/2, 0, 0, 1/2), so that a scores 0.2 and b 0.3.
        if votes[0] == votes[3] == 2 and votes.min() > 0 and look.given[75] < 0:
            return look
    raise AssertionError("no draw is like that")


def test_the_saved_item_is_found_and_explained() -> None:
    look = saved_by_soft()
    assert look.find_saved() == 75
    found = look.explain(75)
    assert (found.truth, found.hard, found.soft, found.saved, found.n_lost) == (1, 0, 1, Saved(0, 0, 1), 0)
    assert found.clusters[0].component == 0
    assert {cluster.component for cluster in found.clusters[1:3]} == {1, 2}
    assert found.clusters[0].weight == pytest.approx(0.4)
    assert found.clusters[0].classes == ((0, pytest.approx(1.0)),)
    assert [name for name, _ in found.scores] == [1, 0]
    assert [share for _, share in found.scores] == pytest.approx([0.6, 0.4])


def test_saved_items_are_counted_by_what_their_cluster_says() -> None:
    rng = np.random.default_rng(2)
    q = rng.dirichlet(np.full(12, 0.4), size=400).astype(np.float32)
    labels = (q.argmax(axis=1) + (rng.random(400) < 0.4)) % 5
    look = Inspection(q, Dataset("mixed", np.zeros((400, 1), np.uint8), labels, tuple("abcde"), None), 14, 5)
    counts = {"unnamed": 0, "tied": 0, "outvoted": 0}
    for item in np.flatnonzero(look.scored & (look.hard != labels) & (look.soft == labels)):
        there = [look.given[i] for i in range(400) if look.given[i] >= 0 and q[i].argmax() == q[item].argmax()]
        votes = [there.count(code) for code in range(5)]
        counts["outvoted" if votes[labels[item]] < max(votes) else "tied" if max(votes) else "unnamed"] += 1
    assert look.saved() == Saved(**counts)
    assert min(counts.values()) > 0
    assert tell_saved(look.saved()).count("%") == 3
    assert tell_saved(Saved(0, 0, 0)) == ""


def test_the_explanation_in_the_terminal_says_it_all() -> None:
    from rich.console import Console

    look = saved_by_soft()
    console = Console(width=80, record=True, file=None)
    with console.capture() as captured:
        console.print(render_explanation(look.explain(75), look.dataset.pool[75].reshape(2, 2), ("a", "b"), 12))
    text = captured.get()
    assert "item 75 is b: hard decoding says a (wrong), soft decoding b (right)" in text
    assert "with 12 labels soft decoding saves 1 such item, and loses 0" in text
    assert "a 100%" in text


def test_pictures_in_blocks() -> None:
    picture = np.zeros((4, 4))
    picture[1, 1], picture[2, 2], picture[2, 1] = 4, 2, 1
    assert draw_blocks(picture) == "██  \n░░▒▒"
    assert draw_blocks(np.zeros((2, 2))) == "    \n    "
    assert max(len(line) for line in draw_blocks(np.eye(100)).splitlines()) <= 64


def test_imagined_pictures_start_with_the_mean() -> None:
    torch.manual_seed(0)
    model = GaussianMixtureVAE(
        ModelConfig(n_features=6, n_components=4, latent_dim=2, encoder_layers=(8,), decoder_layers=(8,))
    ).eval()
    pictures = imagine(model, [3, 1], 5)
    assert pictures.shape == (2, 6, 6)
    with torch.no_grad():
        expected = torch.sigmoid(model.decoder(model.prior.means[[3, 1]]))
    np.testing.assert_allclose(pictures[:, 0], expected.numpy(), rtol=1e-6)
    np.testing.assert_array_equal(pictures, imagine(model, [3, 1], 5))
    assert np.ptp(pictures[:, 1:], axis=1).max() > 0


def test_the_map_keeps_clusters_apart() -> None:
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(90, 5)) + 30 * np.repeat(np.eye(5)[:3], 30, axis=0)
    items, places = latent_map(latent, 60)
    assert places.shape == (60, 2)
    group = items // 30
    centres = np.stack([places[group == g].mean(0) for g in range(3)])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(1)
    assert (nearest == group).all()
