"""To Label Studio and back."""

import base64
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.errors import DataError
from bench.labelling.given import read_given

Command = Callable[..., tuple[int, str, str]]


def annotated(task: dict[str, Any], *labels: str, cancelled: bool = False) -> dict[str, Any]:
    """A task as Label Studio exports it."""
    results = [[{"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": [label]}}] for label in labels]
    return task | {"id": 900, "annotations": [{"id": 1, "was_cancelled": cancelled, "result": result} for result in results]}


def test_from_select_to_label(command: Command, undisturbed: Path, tmp_path: Path) -> None:
    # Labelling leaves a file in the run's folder, which others compare with theirs.
    run = Path(shutil.copytree(undisturbed, tmp_path / "run"))
    code, output, _ = command(
        *("select", str(run), "--n", "20", "--audit", "30"),
        *("--out", str(tmp_path / "ask.csv"), "--label-studio", str(tmp_path / "tasks.json")),
    )
    assert code == 0
    assert "tasks.json" in output
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    ask = pd.read_csv(tmp_path / "ask.csv")
    assert [task["data"]["item"] for task in tasks] == ask["item"].tolist()
    assert [task["data"]["sampler"] for task in tasks] == ask["sampler"].tolist()
    kind, _, content = tasks[0]["data"]["image"].partition("base64,")
    assert kind == "data:image/png;"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (8, 8)
    interface = ET.fromstring((tmp_path / "tasks.xml").read_text())  # noqa: S314 - ours
    assert [choice.get("value") for choice in interface.iter("Choice")] == list("0123456789")
    from sklearn.datasets import load_digits

    truth = load_digits().target
    exported = [annotated(task, str(truth[task["data"]["item"]])) for task in tasks[:45]] + tasks[45:]
    (tmp_path / "export.json").write_text(json.dumps(exported))
    code, output, _ = command(
        "label", str(run), "--labels", str(tmp_path / "export.json"), "--out", str(tmp_path / "out.csv"),
        "--method", "soft", "--allow-singletons",
    )  # fmt: skip
    assert code == 0
    assert "(25 random items, hidden in turn; it leaves out 5 random items without a label)" in output
    labelled = pd.read_csv(tmp_path / "out.csv")
    given = labelled[labelled["given"]]
    assert sorted(given["item"]) == sorted(ask["item"][:45])
    assert (given["class"].to_numpy() == truth[given["item"]]).all()


def read(tmp_path: Path, content: Any) -> dict[int, str]:
    (tmp_path / "e.json").write_text(json.dumps(content))
    given = read_given(tmp_path / "e.json", 10, None)
    return {int(item): given.class_names[code] for item, code in zip(given.items, given.codes, strict=True)}


def test_short_exports_and_what_annotators_say(tmp_path: Path) -> None:
    assert read(tmp_path, [{"item": 3, "id": 77, "label": "cat"}, {"item": 4, "label": {"choices": ["dog"]}}, {"item": 5}]) == {
        3: "cat",
        4: "dog",
    }
    three, four, five = ({"data": {"item": item}} for item in (3, 4, 5))
    both = [annotated(three, "cat", "cat"), annotated(four, "dog"), annotated(five, "cat", cancelled=True)]
    assert read(tmp_path, both) == {3: "cat", 4: "dog"}
    comment = {"from_name": "comment", "to_name": "item", "type": "textarea", "value": {"text": ["blurry"]}}
    with_comment = annotated(three, "cat")
    with_comment["annotations"][0]["result"].append(comment)
    only_comment = four | {"annotations": [{"result": [comment]}]}
    assert read(tmp_path, [with_comment, only_comment]) == {3: "cat"}
    with pytest.raises(DataError, match="task 1: annotators say 'cat' and 'dog'; keep one"):
        read(tmp_path, [annotated(three, "cat", "dog")])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON"),
        ("{}", "expected a list of tasks"),
        ("[1]", "expected a list of tasks"),
        ('[{"data": {"text": "a"}, "annotations": []}]', "do not say which items they are"),
        ('[{"item": 99, "label": "a"}, {"item": 1, "label": "b"}]', "item '99' is not in the pool"),
    ],
)
def test_other_files_are_refused(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text(content)
    with pytest.raises(DataError, match=said):
        read_given(tmp_path / "e.json", 10, None)


def test_rows_of_tables_are_texts(tmp_path: Path) -> None:
    from bench.data.registry import load_dataset
    from bench.labelling.label_studio import interface, tasks
    from bench.labelling.page import Asked
    from bench.labelling.workplace import Workplace
    from bench.plan.cells import ModelKey
    from gmvae.posteriors import Encoded

    pd.DataFrame({"size": [1.5, 2.0] * 10, "color": ["red", "blue"] * 10, "label": [""] * 20}).to_csv(
        tmp_path / "t.csv", index=False
    )
    dataset = load_dataset(str(tmp_path / "t.csv"))
    encoded = Encoded(np.eye(2, dtype=np.float32)[[0, 1] * 10], np.zeros((20, 2), np.float32))
    place = Workplace(tmp_path, dataset, ModelKey(2, 0), (encoded, None))
    (task,) = tasks(place, [Asked(1, "random", "by chance")])
    assert task["data"] == {"item": 1, "sampler": "random", "cluster": 1, "reason": "by chance", "text": "size: 2\ncolor: blue"}
    assert '<Text name="item" value="$text"/>' in interface(place, ['a"b'])
    assert [choice.get("value") for choice in ET.fromstring(interface(place, ['a"b'])).iter("Choice")] == ['a"b']  # noqa: S314
