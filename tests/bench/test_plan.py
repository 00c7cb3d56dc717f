from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.dataset import Dataset
from bench.errors import SettingsError
from bench.plan.budgets import resolve_budget, resolve_budgets
from bench.plan.cells import Cell, Ensemble, ModelKey
from bench.plan.defaults import default_components, default_epochs
from bench.plan.grid import CellGrid, expand_cells
from bench.plan.limits import Limit, within_limits
from bench.plan.models import configure, plain_vae, variant_name
from bench.plan.presets import read_preset
from bench.plan.samplers import labeled_items
from bench.plan.seeds import derive_seed
from bench.plan.settings import make_settings, read_toml
from bench.plan.supervision import CLEAN, Supervision, supervisions
from bench.plan.values import parse_integers, parse_seeds
from bench.run import make_plan
from gmvae.config import TrainingConfig


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ("73", 73),
        ("0.05%", 73),
        ("0.1%", 146),
        ("0.2%", 291),
        ("0.5%", 728),
        ("1%", 1_456),
        ("7%", 10_192),
        ("0.002", 291),
        ("2e-3", 291),
    ],
)
def test_budgets_of_the_study(asked: str, count: int) -> None:
    assert resolve_budget(asked, 145_600, 26).n_labeled == count


def test_budgets_per_class() -> None:
    assert resolve_budget("5/class", 145_600, 26).n_labeled == 130
    assert [(one.n_labeled, one.asked) for one in resolve_budgets(("10/class", "20", "1/class"), 100, 2)] == [
        (2, "1/class"),
        (20, "10/class"),
    ]


@pytest.mark.parametrize(
    "asked",
    [
        "/class",
        "0/class",
        "-1/class",
        "1.5/class",
        "5600/class",
        "5/classes",
        "",
        "x",
        "-3",
        "0",
        "0%",
        "1.5",
        "145600",
        "100%",
        "200%",
        "nan",
        "inf",
        "1e-9",
    ],
)
def test_budgets_that_make_no_sense(asked: str) -> None:
    with pytest.raises(SettingsError, match="budget"):
        resolve_budget(asked, 145_600, 26)


def test_budgets_are_sorted_and_each_count_once() -> None:
    budgets = resolve_budgets(("1%", "73", "0.05%"), 145_600, 26)
    assert [(budget.n_labeled, budget.asked) for budget in budgets] == [(73, "73"), (1_456, "1%")]


def test_default_budgets_fit_the_pool() -> None:
    assert [budget.n_labeled for budget in resolve_budgets(None, 1_797, 10)] == [25, 50, 100, 200, 400, 800]
    assert [budget.n_labeled for budget in resolve_budgets(None, 120, 10)] == [25, 50]
    assert [budget.n_labeled for budget in resolve_budgets(None, 9, 10)] == [4]


def test_defaults_depend_on_size_alone() -> None:
    assert default_components(105_526, 10_000) == (100,)
    assert default_components(1_797, 1_797) == (50,)
    assert default_components(3, 3) == (2,)
    # Six flags make 64 different items.
    assert default_components(300, 64) == (64,)
    assert default_components(300, 80) == (10,)
    assert default_components(10_000, 201) == (100,)
    assert default_components(10_000, 1) == (100,)
    assert default_epochs(105_526) == 22
    assert default_epochs(1_797) == 150
    assert default_epochs(10_000_000) == 20


def test_seeds_depend_on_identity_alone() -> None:
    assert derive_seed("labels", 3) == derive_seed("labels", 3)
    identities = [("labels", 3), ("labels", 4), ("label", 3), ("labels", "3"), ("labels",), ("labels", None)]
    assert len({derive_seed(*identity) for identity in identities}) == len(identities)
    # Written down, so that another version or machine draws the same labels.
    assert derive_seed("labels", "digest", "random", 0) == 1_186_339_988


@given(st.integers(0, 50), st.integers(1, 60), st.integers(1, 60))
def test_larger_budgets_contain_smaller_ones(label_seed: int, first: int, second: int) -> None:
    labels = np.where(np.arange(100) % 3 == 0, -1, np.arange(100) % 4)
    small, large = sorted((first, second))
    few, many = (labeled_items(labels, "sha", "random", label_seed, n) for n in (small, large))
    np.testing.assert_array_equal(few, many[:small])
    assert len(set(many)) == large
    assert (labels[many] >= 0).all()


def test_label_draws_differ_between_seeds_and_data() -> None:
    labels = np.zeros(1_000, int)
    draws = [labeled_items(labels, sha, "random", seed, 20) for sha, seed in (("a", 0), ("a", 1), ("b", 0))]
    assert len({tuple(draw) for draw in draws}) == 3


def test_every_item_is_drawn_alike() -> None:
    labels = np.zeros(20, int)
    counts = sum(np.bincount(labeled_items(labels, "sha", "random", seed, 5), minlength=20) for seed in range(4_000))
    # 4,000 draws of 5 in 20: 1,000 each, standard deviation 27.
    assert np.abs(np.asarray(counts) - 1_000).max() < 5 * 27


def test_cells_of_a_grid() -> None:
    budgets = resolve_budgets(("5", "9"), 100, 2)
    keys = [ModelKey(10, 0), ModelKey(10, 1), ModelKey(20, 0)]
    cells = expand_cells({"soft": "model", "xgboost": "nothing"}, {"random": False, "cluster": True}, keys, budgets, (0, 1, 2))
    # What a model chose differs between models, whoever is shown it.
    assert len(cells) == 2 * (3 * 2 * 3) + 2 * 3 + 3 * 2 * 3
    assert {cell.sampler for cell in cells if cell.clustering is None} == {"random"}
    assert len({cell.key for cell in cells}) == len(cells)
    assert len({cell.method_seed for cell in cells}) == len(cells)


def test_an_ensemble_reads_all_models_of_a_k_and_items_that_one_of_them_chose() -> None:
    keys = [ModelKey(10, 0), ModelKey(10, 1), ModelKey(20, 0), ModelKey(20, 1)]
    budgets = resolve_budgets(("5",), 100, 2)
    cells = expand_cells({"soft-ensemble": "models"}, {"random": False, "cluster": True}, keys, budgets, (0,))
    of_ten, of_twenty = tuple(keys[:2]), tuple(keys[2:])
    assert {(cell.sampler, cell.clustering) for cell in cells} == {
        ("random", Ensemble(of_ten)),
        ("random", Ensemble(of_twenty)),
        *(("cluster", Ensemble(of_ten, chooser)) for chooser in of_ten),
        *(("cluster", Ensemble(of_twenty, chooser)) for chooser in of_twenty),
    }
    assert {cell.key[:3] for cell in cells if cell.sampler == "random"} == {("soft-ensemble", 10, -1), ("soft-ensemble", 20, -1)}
    assert len({cell.key for cell in cells}) == len(cells) == 6
    first = Limit(methods=("soft-ensemble",), model_seeds=(0,))
    kept = within_limits(cells, [first], 100, 2, ["soft-ensemble"])
    assert {(cell.sampler, cell.clustering.model_seed) for cell in kept if cell.clustering} == {("random", -1), ("cluster", 0)}


METHODS_OF_TWO_KINDS = {"soft": "model", "xgboost": "nothing"}


def limited(*limits: dict[str, object]) -> list[tuple[str, int, str, int, int | None]]:
    """Method, labels, sampler, draw and K of the cells that limits leave of a grid."""
    keys = [ModelKey(10, 0), ModelKey(20, 0)]
    cells = expand_cells(
        METHODS_OF_TWO_KINDS, {"random": False, "cluster": True}, keys, resolve_budgets(("5", "9"), 100, 2), range(3)
    )
    settings = make_settings({"limits": list(limits)})
    left = within_limits(cells, settings.limits, 100, 2, METHODS_OF_TWO_KINDS)
    return [(c.method, c.budget.n_labeled, c.sampler, c.label_seed, c.clustering and c.clustering.n_components) for c in left]


def test_limits_take_cells_out_of_a_grid() -> None:
    everything = limited()
    bound = {"methods": "xgboost", "samplers": ["random"], "most_labels": "7%", "label_seeds": [0, 2]}
    kept = [cell for cell in everything if cell[0] == "soft" or (cell[1] == 5 and cell[2] == "random" and cell[3] != 1)]
    assert limited(bound) == kept
    # As everywhere: dashes in keys, a fraction, one seed by its number; and a bound above the pool is none.
    assert limited({"methods": "soft", "most-labels": 0.07}) == [c for c in everything if c[0] == "xgboost" or c[1] == 5]
    assert limited({"methods": "soft", "model_seeds": 0, "most_labels": 100_000}) == everything
    # K says nothing of a cell without a clustering; two limits hold together.
    of_k = [cell for cell in kept if cell[4] in (None, 20)]
    assert limited(bound, {"methods": ["soft", "xgboost"], "components": 20}) == of_k
    assert 0 < len(of_k) < len(kept) < len(everything)


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"methods": "xgbost"}, "did you mean 'xgboost'"),
        ({"methods": "soft", "samplers": "clusters"}, "did you mean 'cluster'"),
        ({"methods": "soft", "most_labels": "many"}, "limits of soft, most_labels: budget 'many'"),
        ({"methods": "soft", "most_labels": -5}, "limits of soft, most_labels: budget '-5'"),
        ({"methods": "soft", "most_labels": True}, r"limits\.0\.most_labels"),
        ({"methods": "soft", "most_label": 5}, "unknown key of limits 'most_label'; did you mean 'most_labels'"),
        ({"samplers": "random"}, r"limits\.0\.methods"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limit: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        limited(limit)


def test_a_cell_keeps_its_seed_when_the_grid_grows() -> None:
    (budget,) = resolve_budgets(("5",), 100, 2)
    cell = Cell("soft", budget, "random", 1, ModelKey(10, 0))
    keys = [ModelKey(5, 0), ModelKey(10, 0)]
    grown = expand_cells({"hard": True, "soft": True}, {"cluster": True, "random": False}, keys, [budget], range(9))
    assert {other.method_seed for other in grown if other.key == cell.key} == {cell.method_seed}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("50,100", (50, 100)), ("0-2", (0, 1, 2)), ("3", (3,)), ("0-1, 5,1", (0, 1, 5)), ([1, "2-3"], (1, 2, 3))],
)
def test_lists_of_integers(text: object, numbers: tuple[int, ...]) -> None:
    assert parse_integers(text) == numbers


def test_a_bare_number_of_label_seeds_is_how_many() -> None:
    assert parse_seeds("3") == parse_seeds(3) == (0, 1, 2)
    assert parse_seeds("3-4") == (3, 4)


def test_flags_win_over_toml_over_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('model-seeds = "0-2"\ncomponents = [26, 50]\n')
    settings = make_settings(read_preset("paper"), read_toml(path), {"components": "200"})
    assert settings.data == "emnist-letters"
    assert settings.model_seeds == (0, 1, 2)
    assert settings.components == (200,)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"compnents": "5"}, "did you mean 'components'"),
        ({"components": "1"}, "--components"),
        ({"components": "5-2"}, "not a whole number or a range"),
        ({"epochs": 0}, "--epochs got 0"),
        ({"epochs": "many"}, "--epochs got 'many'"),
        ({"executor": "dask"}, "--executor"),
        ({"label_seeds": "0"}, "--label-seeds"),
        ({"budgets": ""}, "--budgets"),
        ({"learning_rate": -1}, "--learning-rate"),
        ({"limits": {"methods": "soft"}}, r"limits got .*begin each with a line \[\[limits\]\]"),
    ],
)
def test_bad_settings_are_named(layer: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make_settings(layer)


def test_bad_configuration_files(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        read_toml(tmp_path / "absent.toml")
    (tmp_path / "broken.toml").write_text("components = [")
    with pytest.raises(SettingsError, match="not valid TOML"):
        read_toml(tmp_path / "broken.toml")
    with pytest.raises(SettingsError, match="did you mean 'paper'"):
        read_preset("papper")


def test_objectives_of_the_study_start_from_its_settings(small_dataset: Dataset) -> None:
    for objective in ("exact", "sampled"):
        model, training = configure(make_settings({"objective": objective}), small_dataset, 10)
        assert (model.inference, model.latent_dim, model.batch_norm) == ("structured", 100, False)
        assert (training.objective, training.epochs, training.batch_size, training.needs_views) == (objective, 450, 128, False)
        assert variant_name((model, training)) == f"gmvae-{objective}"


def test_set_changes_a_field_and_the_name(small_dataset: Dataset) -> None:
    settings = make_settings({"set": ["contrast=0", "batch-norm=false"]}, {"epochs": 3})
    model, training = configure(settings, small_dataset, 10)
    assert (training.contrast, model.batch_norm, training.epochs) == (0.0, False, 3)
    assert variant_name((model, training), settings.set) == "gmvae+invariance[batch_norm=False,contrast=0]"
    plain = make_settings({"variant": "plain"})
    assert variant_name(configure(plain, small_dataset, 10)) == "gmvae"


def test_set_to_the_default_is_no_other_variant(small_dataset: Dataset) -> None:
    plan = make_plan(make_settings({"set": ["contrast=20", "balance=1"], "methods": "soft"}), small_dataset)
    assert plan.model_name == "gmvae+invariance[balance=1]"


def test_convolutions_are_refused_for_vectors(small_dataset: Dataset) -> None:
    vectors = replace(small_dataset, image_shape=None)
    with pytest.raises(SettingsError, match="needs images"):
        configure(make_settings({"set": ["encoder=conv"]}), vectors, 10)


def test_set_may_not_change_what_has_an_option_of_its_own(small_dataset: Dataset) -> None:
    for name in ("epochs", "objective", "n_components", "inference", "latent_dim"):
        with pytest.raises(SettingsError, match="--set"):
            configure(make_settings({"set": {name: 3}}), small_dataset, 10)


def test_a_plain_vae_is_trained_by_the_bound_alone() -> None:
    training = plain_vae(TrainingConfig(epochs=7))
    assert (training.needs_views, training.augmentation, training.reseed, training.epochs) == (False, 0, False, 7)
    assert ModelKey(50, 3).plain_vae == ModelKey(1, 3)
    assert ModelKey(50, 3).plain_vae.id == "vae-s3"


def test_a_grid_keeps_to_the_limits_of_a_run() -> None:
    limits = [{"methods": ["xgboost"], "samplers": ["random"], "most_labels": "5%", "label_seeds": [1]}]
    settings = make_settings({
        "components": 10, "model_seeds": 0, "label_seeds": 2, "budgets": "5,9", "methods": "soft,xgboost",
        "samplers": "random,cluster", "limits": limits,
    })  # fmt: skip
    methods = {"soft": "model", "xgboost": "nothing"}
    looks = {"random": False, "cluster": True}
    # Of the settings as `run` has them, and as `config.json` keeps them.
    cells, again = (
        CellGrid.of(form).cells(methods, looks, 100, 2, methods) for form in (vars(settings), settings.model_dump(mode="json"))
    )
    assert cells == again
    assert len([cell for cell in cells if cell.method == "soft"]) == 2 * 2 * 2
    assert [cell.key for cell in cells if cell.method == "xgboost"] == [("xgboost", -1, -1, "random", 5, 1, "")]


def test_photographs_get_views_of_photographs_unless_told(small_dataset: Dataset) -> None:
    """And folders of runs that came before these views keep their identity."""
    pool = np.random.default_rng(0).integers(0, 255, (300, 64)).astype(np.uint8)
    photographs = replace(small_dataset, pool=pool, test=None, test_labels=None)
    plan = make_plan(make_settings(), photographs)
    assert (plan.training.views, plan.identity["views"]) == ("photo", "photo")
    assert any(line.startswith("views: mirrored") for line in photographs.notices())
    warped = make_plan(make_settings({"set": {"views": "warp"}}), photographs)
    assert warped.training.views == "warp"
    assert warped.model_name == "gmvae+invariance[views=warp]"
    for plan in (warped, make_plan(make_settings({"variant": "plain"}), photographs), make_plan(make_settings(), small_dataset)):
        assert not {"views", "geometry"} & set(plan.identity)
    vectors = np.random.default_rng(0).normal(size=(300, 20)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    embeddings = replace(small_dataset, pool=vectors, image_shape=None, test=None, test_labels=None)
    assert make_plan(make_settings(), embeddings).identity["geometry"] == "angles"


LABELS = np.repeat(np.arange(5), 400)


def test_clean_labels_are_told_as_they_are() -> None:
    assert CLEAN.text == ""
    assert CLEAN.told(LABELS, 5, "sha", 0) is LABELS


def test_noise_names_another_class_with_the_probability_asked_for() -> None:
    said = Supervision(noise=0.2).told(LABELS, 5, "sha", 0)
    assert (said >= 0).all()
    wrong = said != LABELS
    assert wrong.mean() == pytest.approx(0.2, abs=0.03)
    # Any other class has the same chance.
    shift = np.bincount((said - LABELS)[wrong] % 5, minlength=5)
    assert shift[0] == 0
    assert shift[1:].min() > 0.7 * shift[1:].max()
    assert (said != Supervision(noise=0.2).told(LABELS, 5, "sha", 1)).any()
    # More noise adds to less, and another trouble beside it changes nothing.
    more = Supervision(noise=0.4).told(LABELS, 5, "sha", 0)
    assert (more[wrong] == said[wrong]).all()
    both = Supervision(noise=0.2, unseen=1).told(LABELS, 5, "sha", 0)
    assert (both[both >= 0] == said[both >= 0]).all()
    # Nothing depends on what else is known.
    part = np.where(np.arange(len(LABELS)) % 2, LABELS, -1)
    assert (Supervision(noise=0.2).told(part, 5, "sha", 0)[part >= 0] == said[part >= 0]).all()


def test_imbalance_is_geometric_over_classes() -> None:
    counts = np.sort(np.bincount(_answered(Supervision(imbalance=16))))[::-1]
    assert counts[0] == 400
    np.testing.assert_allclose(counts / 400, [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16], atol=0.06)


def _answered(supervision: Supervision) -> np.ndarray:
    told = supervision.told(LABELS, 5, "sha", 3)
    return told[told >= 0]


def test_unseen_classes_have_no_answer_and_two_must_be_seen() -> None:
    assert len(np.unique(_answered(Supervision(unseen=2)))) == 3
    with pytest.raises(SettingsError, match="5 classes, and two must be seen"):
        Supervision(unseen=4).check(5, "it")
    assert supervisions((0, 0.1), (1,), (0, 2)) == (
        CLEAN,
        Supervision(unseen=2),
        Supervision(noise=0.1),
        Supervision(noise=0.1, unseen=2),
    )
    assert Supervision(0.1, 10, 2).text == "noise 0.1, imbalance 10, unseen 2"


def test_cells_of_clean_labels_are_the_same_as_before_there_was_supervision() -> None:
    (budget,) = resolve_budgets(("5",), 100, 2)
    clean, noisy = (Cell("soft", budget, "random", 1, ModelKey(10, 0), one) for one in (CLEAN, Supervision(noise=0.1)))
    assert clean.identity == ("soft", 10, 0, "random", 5, 1)
    assert noisy.identity == ("soft", 10, 0, "random", 5, 1, "noise 0.1")
    assert clean.method_seed != noisy.method_seed


def test_supervision_is_an_axis_of_the_grid() -> None:
    settings = make_settings({"label_noise": "0,0.1", "unseen": 1, "budgets": "5", "methods": "knn", "label_seeds": 1})
    grid = CellGrid.of(settings.model_dump(mode="json"))
    cells = grid.cells({"knn": "nothing"}, {"random": False}, 100, 4, ["knn"])
    assert [cell.supervision.text for cell in cells] == ["unseen 1", "noise 0.1, unseen 1"]
    for bad in ({"label_noise": "1"}, {"label_noise": "x"}, {"imbalance": "0.5"}, {"unseen": "-1"}):
        with pytest.raises(SettingsError, match=next(iter(bad)).replace("_", "-")):
            make_settings(bad)
