"""Items to label as tasks that Label Studio imports; `bench.labelling.exported` reads what it exports."""

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from bench.data.describing import described_row
from bench.labelling.exported import CHOICES
from bench.labelling.page import Asked, png_of
from bench.labelling.workplace import Workplace


def tasks(workplace: Workplace, asked: Sequence[Asked]) -> list[dict[str, Any]]:
    """Return a task for each item: its picture, or its row as text, and what `label` needs to know of it."""
    dataset, found = workplace.dataset, []
    for one in asked:
        cluster = int(workplace.assignment[one.item])
        about: dict[str, Any] = {"item": one.item, "sampler": one.sampler, "cluster": cluster, "reason": one.reason}
        if dataset.ids:
            about["id"] = dataset.ids[one.item]
        if dataset.image_shape is not None:
            about["image"] = "data:image/png;base64," + png_of(dataset.pool[one.item].reshape(dataset.image_shape))
        else:
            about["text"] = "\n".join(
                f"{name}: {value}" for name, value in described_row(dataset.features, dataset.pool[one.item])
            )
        found.append({"data": about})
    return found


def interface(workplace: Workplace, class_names: Sequence[str]) -> str:
    """Return the labelling interface for these tasks; classes that are missing are added to it by hand."""
    seen = "Image" if workplace.dataset.image_shape is not None else "Text"
    choices = "\n".join(f"    <Choice value={quoteattr(name)}/>" for name in class_names)
    return (
        f'<View>\n  <{seen} name="item" value="${seen.lower()}"/>\n  <Text name="why" value="$reason"/>\n'
        f'  <Choices name="{CHOICES}" toName="item" choice="single">\n{choices}\n  </Choices>\n</View>\n'
    )
