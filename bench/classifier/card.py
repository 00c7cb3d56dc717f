"""The model card: what a person who is handed a classifier must know of it (Mitchell et al. 2019)."""

from bench.classifier.classifier import About, Classifier
from bench.wording import escape_markdown

_COLUMNS = 6


def model_card(classifier: Classifier) -> str:
    """Return the card, in Markdown."""
    about = classifier.about
    rows = "\n".join(f"| {escape_markdown(name)} | {about.labels.get(name, 0):,} |" for name in classifier.class_names)
    notes = [f"- {escape_markdown(note)}" for note in (about.note, *_warnings(classifier)) if note]
    return f"""# A classifier of {escape_markdown(about.dataset)}

Names one of {len(classifier.class_names):,} classes for {_kind(classifier)}. Made by gmvae-bench {about.version} from
{about.n_labels:,} labels and {about.n_pool:,} items without labels.

```
gmvae-bench predict FOLDER NEWDATA
```

```python
import gmvae_bench

gmvae_bench.load("FOLDER").predict(items)
```

## How good it is

{_accuracy(about)}

`novelty_p` is the share of training items that are at least as unlike the others as an item is: below 0.01, say, an item is
unlike what the classifier was made from, and its class means little.

## What it was made from

- data: {escape_markdown(about.dataset)}, SHA-256 `{about.dataset_sha256}`
- method: {about.method}; trained models: {", ".join(about.models)}
- probabilities: temperature {classifier.network.temperature:.2f}; no class is named below {about.abstain_below:g}

| class | labels given |
|---|---|
{rows}
{chr(10).join(["", "## Mind", "", *notes]) if notes else ""}
"""


def _kind(classifier: Classifier) -> str:
    form = classifier.form
    if form.kind == "table":
        names = [escape_markdown(feature.column) for feature in form.features]
        return f"rows of a table ({', '.join(names[:_COLUMNS])}{', …' if len(names) > _COLUMNS else ''})"
    if form.image_shape is None:
        return f"vectors of {form.n_features:,} values"
    height, width, *colors = form.image_shape
    return f"images of {height} x {width} pixels{' in colour' if colors else ''}"


def _accuracy(about: About) -> str:
    if about.accuracy is None:
        return "Not known: too few of its labels were drawn at random."
    sure = "" if about.accuracy_confident is None else f" Where it names a class: {_share(about.accuracy_confident)}."
    error = "" if about.calibration_error is None else f" Expected calibration error: {100 * about.calibration_error:.1f} %."
    return (
        f"Estimated accuracy on the rest of its training data: {_share(about.accuracy)}, from {about.n_hidden:,} labels that "
        f"were hidden in turn.{sure}{error} New data of another kind may be told less well."
    )


def _share(share: tuple[float, float | None, float | None]) -> str:
    mean, low, high = share
    between = "" if low is None or high is None else f" (95 %: {100 * low:.1f} to {100 * high:.1f})"
    return f"{100 * mean:.1f} %{between}"


def _warnings(classifier: Classifier) -> tuple[str, ...]:
    about = classifier.about
    unseen = [name for name in classifier.class_names if not about.labels.get(name)]
    return (
        f"no label of {', '.join(unseen)} was given: it never names {'it' if len(unseen) == 1 else 'them'}" if unseen else "",
        f"the items were made by {about.pretrained}, a model trained on other data: new ones must be too"
        if about.pretrained
        else "",
    )
