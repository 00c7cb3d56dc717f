import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from gmvae import GMVAE, CheckpointError, InputError
from gmvae.config import PLAIN


@pytest.fixture(scope="module")
def x(digits: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return digits[0]


@pytest.fixture(scope="module")
def fitted(x: np.ndarray) -> GMVAE:
    return GMVAE(
        5, latent_dim=4, encoder_layers=(32,), decoder_layers=(32,), epochs=8, image_shape=(8, 8), device="cpu", random_state=0
    ).fit(x)


def test_posterior_assignment_and_latents(fitted: GMVAE, x: np.ndarray) -> None:
    q = fitted.predict_proba(x)
    assert q.shape == (400, 5)
    np.testing.assert_allclose(q.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(fitted.predict(x), q.argmax(axis=1))
    np.testing.assert_array_equal(fitted.labels_, fitted.predict(x))
    assert fitted.transform(x).shape == (400, 4)
    assert fitted.n_features_in_ == 64


def test_items_do_not_depend_on_their_batch(fitted: GMVAE, x: np.ndarray) -> None:
    np.testing.assert_allclose(fitted.predict_proba(x)[7:9], fitted.predict_proba(x[7:9]), atol=1e-5)


def test_score_is_the_mean_bound_and_prefers_real_digits(fitted: GMVAE, x: np.ndarray) -> None:
    assert fitted.score(x) == pytest.approx(fitted.score_samples(x).mean())
    noise = np.random.default_rng(0).random(x.shape, np.float32)
    assert fitted.score(x) > fitted.score(noise) + 5


def test_samples_look_like_data(fitted: GMVAE) -> None:
    items, components = fitted.sample(50, random_state=1)
    assert items.shape == (50, 64)
    assert 0 <= items.min() <= items.max() <= 1
    assert set(components) <= set(range(5))
    np.testing.assert_array_equal(items, fitted.sample(50, random_state=1)[0])


@pytest.mark.parametrize("objective", ["bayes", "exact"])
def test_save_and_load_give_the_same_numbers(x: np.ndarray, tmp_path: Path, objective: str) -> None:
    model = GMVAE(
        3,
        latent_dim=2,
        encoder_layers=(16,),
        decoder_layers=(16,),
        objective=objective,
        epochs=2,
        training=PLAIN,
        device="cpu",
        random_state=5,
    )
    model.fit(x).save(tmp_path / "model")
    loaded = GMVAE.load(tmp_path / "model", device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(x), model.predict_proba(x))
    np.testing.assert_array_equal(loaded.score_samples(x), model.score_samples(x))
    assert loaded.history_ == model.history_
    np.testing.assert_allclose(clone(loaded).fit(x).predict_proba(x), model.predict_proba(x), atol=1e-5)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["history.csv", "settings.json", "weights.safetensors"]


def test_saving_over_a_model_replaces_it(fitted: GMVAE, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"old")
    fitted.save(tmp_path / "model")
    GMVAE.load(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_saving_never_deletes_what_is_no_model(fitted: GMVAE, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(CheckpointError, match=r"holds thesis\.tex, which is no saved model"):
        fitted.save(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "settings.json", "history.csv"])
def test_a_truncated_or_missing_file_is_an_error(fitted: GMVAE, tmp_path: Path, name: str) -> None:
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / name
    if name != "history.csv":
        path.write_bytes(path.read_bytes()[:40])
        with pytest.raises(CheckpointError, match="holds no readable model"):
            GMVAE.load(tmp_path / "model")
    path.unlink()
    with pytest.raises(CheckpointError, match="holds no readable model"):
        GMVAE.load(tmp_path / "model")


def test_a_history_without_processor_time_is_read(fitted: GMVAE, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "history.csv"
    with path.open(newline="") as file:
        rows = [{name: value for name, value in row.items() if name != "cpu_seconds"} for row in csv.DictReader(file)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    loaded = GMVAE.load(tmp_path / "model").history_
    assert loaded == tuple(replace(stats, cpu_seconds=None) for stats in fitted.history_)
    assert fitted.history_[-1].cpu_seconds


def test_another_format_is_named(fitted: GMVAE, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "settings.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(CheckpointError, match="got model format 99"):
        GMVAE.load(tmp_path / "model")


def test_image_stacks_are_flattened_and_warped_as_images(x: np.ndarray) -> None:
    model = GMVAE(3, latent_dim=2, encoder_layers=(16,), decoder_layers=(16,), epochs=1, device="cpu", random_state=0)
    model.fit(x.reshape(-1, 8, 8))
    assert model.model_.config.image_shape == (8, 8)
    assert model.predict(x).shape == (400,)


def test_real_values_get_a_gaussian_likelihood_in_their_own_units() -> None:
    x = np.random.default_rng(0).normal(100, 20, size=(200, 4)).astype(np.float32)
    model = GMVAE(
        2, latent_dim=2, encoder_layers=(16,), decoder_layers=(16,), epochs=100, training=PLAIN, device="cpu", random_state=0
    )
    model.fit(x)
    assert model.model_.config.likelihood == "gaussian"
    # The true log-density is about -4 (0.5 log(2 pi e) + log 20) = -17.7 nats; without the change of units it would be near -6.
    assert -21 < model.score(x) < -15.5
    assert abs(model.sample(200)[0].mean() - 100) < 10


def test_wrong_input_is_refused(fitted: GMVAE, x: np.ndarray) -> None:
    with pytest.raises(ValueError, match="X has 10 features, but GMVAE is expecting 64"):
        fitted.predict(x[:, :10])
    with pytest.raises(InputError, match="unknown objective"):
        GMVAE(2, objective="exactt").fit(x)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="n_components got 0"):
        GMVAE(0).fit(x)
    with pytest.raises(InputError, match="batchsize"):
        GMVAE(2, training={"batchsize": 3}).fit(x)
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        GMVAE(2).fit(x[0])


def test_a_gpu_trains(x: np.ndarray) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    model = GMVAE(5, latent_dim=4, encoder_layers=(32,), decoder_layers=(32,), epochs=5, device="cuda", random_state=0).fit(x)
    assert np.isfinite(model.predict_proba(x)).all()


def test_names_of_columns_are_kept_and_saved(tmp_path: Path) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).random((60, 3)), columns=["a", "b", "c"])
    # Warnings are errors here: names that come and go would warn.
    model = GMVAE(3, epochs=2, random_state=0).fit(frame)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert (model.predict(frame) == model.labels_).all()
    model.save(tmp_path / "named")
    again = GMVAE.load(tmp_path / "named")
    assert again.feature_names_in_.tolist() == ["a", "b", "c"]
    assert (again.predict(frame) == model.labels_).all()
    with pytest.raises(ValueError, match="feature names"):
        again.predict(frame.rename(columns={"a": "z"}))
    plain = GMVAE(3, epochs=2, random_state=0).fit(frame.to_numpy())
    assert not hasattr(plain, "feature_names_in_")


def test_verbose_prints_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).random((60, 3)).astype(np.float32)
    GMVAE(3, epochs=5, random_state=0).fit(x)
    assert capsys.readouterr().out == ""
    GMVAE(3, epochs=5, random_state=0, verbose=2).fit(x)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["epoch 2 of 5", "epoch 4 of 5", "epoch 5 of 5"]


def test_callbacks_of_scikit_learn_hear_every_epoch() -> None:
    callback = pytest.importorskip("sklearn.callback")

    heard: list[str] = []

    class Listening:
        def setup(self, **_: Any) -> None:
            heard.append("setup")

        def on_fit_task_begin(self, _: Any, context: Any) -> None:
            heard.append(f"begin {context.task_name}")

        def on_fit_task_end(self, _: Any, context: Any) -> None:
            heard.append(f"end {context.task_name}")

        def teardown(self, **_: Any) -> None:
            heard.append("teardown")

    assert isinstance(Listening(), callback.FitCallback)
    x = np.random.default_rng(0).random((60, 3)).astype(np.float32)
    GMVAE(3, epochs=2, random_state=0).set_callbacks(Listening()).fit(x)
    epochs = ["begin epoch", "end epoch"] * 2
    assert heard == ["setup", "begin fit", *epochs, "end fit", "teardown"]
