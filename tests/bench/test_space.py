"""Search spaces: what expressions mean, which are refused, and what a trial makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.dataset import Dataset
from bench.errors import SettingsError
from bench.plan.settings import make_settings
from bench.search.settings import (
    SearchSettings,
    configured,
    default_parameters,
    first_parameters,
    make_search_settings,
    searched_space,
)
from bench.search.space import Choices, Numbers, describe_space, make_space, parse_domain


@pytest.mark.parametrize(
    ("expression", "domain"),
    [
        ("int(5,64,log)", Numbers("int", 5, 64, log=True)),
        (" int( 10 , 100 , step=10 ) ", Numbers("int", 10, 100, step=10)),
        ("float(1e-4,1e-2,log)", Numbers("float", 1e-4, 1e-2, log=True)),
        ("float(0,1)", Numbers("float", 0, 1)),
        ("choice(soft,soft-bayes)", Choices(("soft", "soft-bayes"))),
        ("choice('512,512',128)", Choices(("512,512", 128))),
        ('choice("512,512",128)', Choices(("512,512", 128))),
        ("choice(true,False,0.5)", Choices((True, False, 0.5))),
    ],
)
def test_expressions(expression: str, domain: object) -> None:
    found = parse_domain("x", expression)
    assert found == domain
    assert parse_domain("x", str(found)) == domain


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("5..64", "expected int(5,64)"),
        ("int(5)", "two bounds"),
        ("int(64,5)", "must lie below"),
        ("int(1.5,3)", "whole"),
        ("float(0,1,log)", "above 0"),
        ("float(a,b)", "not numbers"),
        ("float(0,inf)", "finite"),
        ("float(0,1,linear)", "perhaps log or step"),
        ("int(0,10,step=20)", "fit between"),
        ("choice(1)", "at least two"),
        ("choice('a)", "expected int(5,64)"),
        ("eval(1,2)", "expected int(5,64)"),
    ],
)
def test_expressions_that_mean_nothing(expression: str, reason: str) -> None:
    with pytest.raises(SettingsError, match="--space latent_dim=") as error:
        make_space({"latent_dim": expression})
    assert reason in str(error.value)


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        found = parse_domain("x", text)
    except SettingsError:
        return
    assert parse_domain("x", str(found)) == found


def test_an_unknown_parameter_is_named_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match="did you mean 'latent_dim'"):
        make_space({"latent_dims": "int(1,2)"})


def test_a_space_whose_corner_makes_no_training_is_refused(small_dataset: Dataset) -> None:
    for name, expression in (
        ("latent_dim", "int(0,8)"),
        ("components", "int(5,5000)"),
        ("encoder", "choice(mlp,cnn)"),
        ("variant", "choice(plain,fancy)"),
        ("averaging", "float(0,2)"),
    ):
        with pytest.raises(SettingsError, match=f"--space {name}="):
            searched_space(SearchSettings(space={name: expression}), make_settings(), small_dataset, with_labels=False)


def test_the_default_space_leaves_out_what_is_fixed(small_dataset: Dataset) -> None:
    def space(with_labels: bool = False, **settings: object) -> set[str]:
        return set(searched_space(SearchSettings(), make_settings(settings), small_dataset, with_labels=with_labels))

    whole = space()
    assert {"components", "latent_dim", "learning_rate", "invariance", "balance", "contrast", "augmentation"} == whole
    assert space(with_labels=True) == whole | {"decoding"}
    assert space(components="5", set={"contrast": 0}) == whole - {"components", "contrast"}
    assert space(variant="plain") == {"components", "latent_dim", "learning_rate"}


def test_what_is_fixed_and_searched_is_refused(small_dataset: Dataset) -> None:
    for fixed, name in (({"latent_dim": 8}, "latent_dim"), ({"set": {"contrast": "3"}}, "contrast")):
        with pytest.raises(SettingsError, match="drop one of the two"):
            searched_space(SearchSettings(space={name: "int(1,9)"}), make_settings(fixed), small_dataset, with_labels=False)
    with pytest.raises(SettingsError, match="without labels cannot tell ways of decoding apart"):
        searched_space(SearchSettings(space={"decoding": "choice(soft,hard)"}), make_settings(), small_dataset, with_labels=False)


def test_parameters_become_a_training(small_dataset: Dataset) -> None:
    base = make_settings({"set": {"contrast": "3"}, "epochs": 7})
    parameters = {"components": 12, "latent_dim": 5, "encoder_layers": "32,16", "balance": 2.5, "decoding": "soft-bayes"}
    settings, model, training = configured(base, parameters, small_dataset)
    assert (model.n_components, model.latent_dim, model.encoder_layers) == (12, 5, (32, 16))
    assert (training.balance, training.contrast, training.epochs) == (2.5, 3.0, 7)
    assert settings.methods == ("soft-bayes",)


def test_the_first_trial_is_the_default_as_far_as_it_lies_in_the_space(small_dataset: Dataset) -> None:
    space = make_space({"latent_dim": "int(4,32)", "learning_rate": "float(0.1,1)", "encoder_layers": "choice('512,512',64)"})
    defaults = default_parameters(space, make_settings(), small_dataset, "soft")
    assert defaults == {"encoder_layers": "512,512", "latent_dim": 16, "learning_rate": 0.003}
    assert first_parameters(space, defaults) == {"encoder_layers": "512,512", "latent_dim": 16}


def test_spaces_are_described_by_expressions() -> None:
    space = make_space({"learning_rate": "float(0.001,0.01,log)", "components": "int(5,50)"})
    assert describe_space(space) == {"components": "int(5,50)", "learning_rate": "float(0.001,0.01,log)"}


def test_settings_of_a_search_in_layers() -> None:
    settings = make_search_settings({"trials": 5, "criterion": "elbo"}, {"criterion": "accuracy@50,seconds", "watch": "elbo"})
    assert (settings.trials, settings.criterion, settings.watch) == (5, ("accuracy@50", "seconds"), ("elbo",))
    with pytest.raises(SettingsError, match="did you mean 'trials'"):
        make_search_settings({"trails": 5})
