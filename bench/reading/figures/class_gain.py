"""What soft decoding gains over hard in each class, against how spread its items' posteriors are."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from bench.errors import number_of
from bench.reading.open_run import OpenRun
from bench.show.axes import explain_below, new_figure
from bench.show.explanation import shortened
from bench.show.style import BLUE, INK, QUIET
from bench.stats.intervals import Interval, table_interval

_MANY, _NAMED_OF_MANY = 26, 8


@dataclass(frozen=True)
class ClassGains:
    """One class over all models and draws."""

    name: str
    entropy: float
    """Mean of q(c|x) over its items, in nats."""
    gain: Interval
    """Of soft over hard accuracy."""


@dataclass(frozen=True)
class ByClass:
    """What the figure shows."""

    gains: tuple[ClassGains, ...]
    n_labeled: int
    about: str
    over: str
    """What means and intervals are over."""


def data(run: OpenRun) -> ByClass | None:
    """Decode every draw both ways with every model of the K shown."""
    look = run.inspection
    if look is None:
        return None
    keys = [key for key in run.trained if key.n_components == run.trained[0].n_components]
    shape = look.dataset.n_classes, len(keys), len(run.label_seeds)
    entropy, gain = np.full(shape, np.nan), np.full(shape, np.nan)
    for m, key in enumerate(keys):
        for s, label_seed in enumerate(run.label_seeds):
            for of_class in run.inspect(key, label_seed).class_gains():
                entropy[of_class.class_code, m, s] = of_class.entropy
                gain[of_class.class_code, m, s] = of_class.soft - of_class.hard
    there = [code for code in range(len(gain)) if np.isfinite(gain[code]).any()]
    names = look.dataset.class_names
    return ByClass(
        tuple(ClassGains(names[code], float(np.nanmean(entropy[code])), table_interval(gain[code])) for code in there),
        look.n_labeled,
        run.heading(of_models=True),
        f"{number_of(len(keys), 'model')} × {number_of(shape[2], 'draw')} of labels",  # noqa: RUF001 - the sign for "times"
    )


def draw(data: ByClass) -> Figure:
    """Draw each class's gain of soft over hard decoding, with its interval, against the entropy of its posterior."""
    figure, axes = new_figure(f"{data.about}; {data.n_labeled:,} labels")
    axes.axhline(0, color=QUIET, linewidth=0.8)
    many = len(data.gains) > _MANY
    n_named = _NAMED_OF_MANY if many else _MANY
    named = {one.name for one in sorted(data.gains, key=lambda one: -abs(one.gain.mean))[:n_named]}
    for index, of_class in enumerate(sorted(data.gains, key=lambda of_class: of_class.entropy)):
        gain, x = of_class.gain, of_class.entropy
        if gain.ci_low is not None and gain.ci_high is not None:
            axes.plot([x, x], [max(-100, 100 * gain.ci_low), min(100, 100 * gain.ci_high)], color=BLUE, linewidth=1.0, alpha=0.5)
        axes.plot(x, 100 * gain.mean, "o", color=BLUE, markersize=4.5)
        if of_class.name not in named:
            continue
        # Names of neighbours stand on either side.
        aside, align = ((5, 3), "left") if index % 2 else ((-5, 3), "right")
        axes.annotate(
            shortened(of_class.name),
            (x, 100 * gain.mean),
            xytext=aside,
            textcoords="offset points",
            ha=align,
            fontsize=9,
            color=INK,
        )
    if many:
        # Intervals of few draws are wide: points would lie on a line.
        means = [100 * one.gain.mean for one in data.gains]
        margin = 0.3 * (max(means) - min(means)) or 1.0
        axes.set_ylim(min(means) - margin, max(means) + margin)
    axes.set_xlabel("mean entropy of q(c|x) in the class, in nats")
    axes.set_ylabel("soft minus hard accuracy, in points")
    intervals = "; bars: 95 % intervals" if any(of_class.gain.ci_low is not None for of_class in data.gains) else ""
    some = f"; named are the {n_named} that gain or lose most" if many else ""
    explain_below(figure, f"a point is a class: its mean over {data.over}{intervals}{some}")
    return figure
