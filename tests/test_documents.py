"""What the documents say to type can be typed, and what they say is printed is printed."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from documents import COLUMNS, DOCUMENTS, REFERENCE, ROOT, commands, examples, print_of, tidy

from bench.cli.main import app

EXAMPLES = {
    (path.relative_to(ROOT).as_posix(), example.arguments): example
    for path in DOCUMENTS
    for example in examples(path.read_text())
}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_has_only_options_that_exist(path: Path) -> None:
    cli = typer.main.get_command(app)
    assert isinstance(cli, typer.core.TyperGroup)
    for words in commands(path.read_text()):
        with cli.make_context("gmvae-bench", list(words), help_option_names=[]) as context:
            name, command, rest = cli.resolve_command(context, list(words))
            assert command is not None, words
            # A name alone speaks of the command.
            if rest:
                command.make_context(str(name), rest, parent=context, help_option_names=[])


def test_the_documents_have_examples() -> None:
    assert {document for document, _ in EXAMPLES} == {"README.md", "results/README.md"}
    assert len(EXAMPLES) > 5


@pytest.mark.parametrize("key", EXAMPLES, ids=lambda key: f"{key[0]}: {key[1]}")
def test_an_example_prints_what_the_document_says(
    key: tuple[str, str], command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module, _, arguments = key[1].partition("-m bench.cli.main ")
    if module:
        assert tidy(print_of(module)) == EXAMPLES[key].output
        return
    shutil.copytree(ROOT / REFERENCE, tmp_path / REFERENCE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", COLUMNS)
    code, out, err = command(*shlex.split(arguments))
    assert code == 0, err
    assert tidy(out) == EXAMPLES[key].output
