"""Students: what they are taught, against the formulas written out, and what they learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from gmvae.student import DEFAULT, Student, StudentConfig, _School, teach

QUICK = StudentConfig(min_steps=150, pool_batch=64, averaging=0.95)


def blobs(n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes of vectors that overlap a little."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, n)
    centres = 1.5 * np.eye(3, 8)
    return (centres[truth] + 0.4 * random.normal(size=(n, 8))).astype(np.float32), truth


def school(answers: np.ndarray | None, config: StudentConfig = QUICK) -> _School:
    items, truth = blobs()
    labeled = np.arange(12)
    return _School(items, labeled, truth[:12], answers, None, "warp", config, 0, torch.device("cpu"))


def test_what_is_taught_is_sharpened_and_weighed_by_how_sure_it_is() -> None:
    answers = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], np.float32)
    lessons = school(np.tile(answers, (300, 1)))
    pool = lessons.items[:2]
    target, weight = lessons._lesson(pool, torch.from_numpy(answers), alone=True)
    for row, said in enumerate(answers):
        square = [float(p) ** 2 for p in said]
        np.testing.assert_allclose(target[row], [value / sum(square) for value in square], atol=1e-6)
    np.testing.assert_allclose(weight, [0.6, 0.6], atol=1e-6)
    mixed, weight = lessons._lesson(pool, torch.from_numpy(answers), alone=False)
    own = lessons.student.eval()(pool).softmax(dim=-1)
    np.testing.assert_allclose(mixed.detach(), 0.5 * (target + own).detach(), atol=1e-5)
    np.testing.assert_allclose(weight.detach(), 0.5 * (0.6 + own.amax(dim=-1)).detach(), atol=1e-5)


@pytest.mark.parametrize("sure", [False, True])
def test_without_a_teacher_only_sure_guesses_count(sure: bool) -> None:
    lessons = school(None, replace(QUICK, augmentation=0.0, weak_augmentation=0.0))
    with torch.no_grad():
        lessons.student.head.weight.zero_()
        lessons.student.head.bias.copy_(torch.tensor([9.0, 0.0, 0.0]) if sure else torch.zeros(3))
    loss = lessons._loss(torch.arange(64), alone=False)
    log_p = lessons.student.head.bias.log_softmax(dim=0)
    # Every class has the same chance among the labelled items of a step, whatever the views.
    lessons.generator.manual_seed(0)
    chosen = torch.multinomial(lessons.chances, 32, replacement=True, generator=lessons.generator)
    told = functional.nll_loss(log_p.expand(32, 3), lessons.codes[chosen])
    expected = told - log_p[0] if sure else told
    torch.testing.assert_close(loss, expected)


def test_answers_are_renewed_while_it_learns() -> None:
    first, better = np.full((600, 3), 1 / 3, np.float32), np.eye(3, dtype=np.float32)[blobs()[1]]
    lessons = school(first, replace(QUICK, renewals=2))
    steps: list[int] = []
    taught: list[bool] = []

    def renew(student: Student) -> np.ndarray:
        steps.append(len(taught))
        assert student is lessons.mean
        return better

    lesson = lessons._lesson

    def spy(pool: torch.Tensor, answers: torch.Tensor, alone: bool) -> tuple[torch.Tensor, torch.Tensor]:
        taught.append(bool((answers == 1 / 3).all()))
        return lesson(pool, answers, alone)

    lessons._lesson = spy  # type: ignore[method-assign]
    lessons.teach(renew)
    assert steps == [50, 100]
    assert taught == [True] * 50 + [False] * 100


def test_every_class_has_the_same_chance_to_be_told() -> None:
    lessons = school(None)
    mass = torch.zeros(3).index_add(0, lessons.codes, lessons.chances)
    torch.testing.assert_close(mass, torch.ones(3))


@pytest.mark.parametrize("taught", [True, False])
def test_a_student_tells_what_it_was_not_shown(taught: bool) -> None:
    items, truth = blobs()
    labeled = np.concatenate([np.flatnonzero(truth == code)[:4] for code in range(3)])
    answers = np.full((600, 3), 0.2, np.float32)
    answers[np.arange(600), truth] = 0.6
    student = teach(
        items, labeled, truth[labeled], answers if taught else None, image_shape=None, views="warp", config=QUICK, device="cpu"
    )
    fresh, its_truth = blobs(seed=1)
    assert (student.look(fresh)[1].argmax(axis=1) == its_truth).mean() > (0.9 if taught else 0.7)


def test_the_same_seed_makes_the_same_student() -> None:
    items, truth = blobs()
    answers = np.eye(3, dtype=np.float32)[truth]

    def proba(seed: int) -> np.ndarray:
        student = teach(
            items,
            np.arange(12),
            truth[:12],
            answers,
            image_shape=None,
            views="warp",
            config=QUICK,
            random_state=seed,
            device="cpu",
        )
        return student.look(items)[1]

    first = proba(0)
    np.testing.assert_array_equal(first, proba(0))
    assert not np.array_equal(first, proba(1))


def test_looking_at_bytes_in_parts_is_looking_at_shares_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 64), np.uint8)
    student = Student(64, 4, (8, 8)).eval()
    features, proba = student.look(images)
    monkeypatch.setattr("gmvae.student._BATCH", 7)
    for mine, theirs in zip(student.look(images.astype(np.float32) / 255), (features, proba), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)


def test_a_small_pool_gets_its_least_steps_and_a_large_one_its_passes() -> None:
    assert school(None, replace(QUICK, min_steps=10, passes=3)).n_steps == round(3 * 600 / 64)
    assert school(None).n_steps == 150
    assert StudentConfig() == DEFAULT
