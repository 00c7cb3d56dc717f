"""What the documents say to type can be typed, and what they say is printed is printed."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from documents import COLUMNS, DOCUMENTS, PUBLISHED, ROOT, commands, examples, numbers, print_of, prose, tidy

from bench.cli.main import app

# Not of the results: the year of the paper, its split of letters, the confidence of every interval.
KNOWN = {"2026", "145600", "95"}
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
    assert {document for document, _ in EXAMPLES} == {
        "README.md",
        "results/README.md",
        "results/letters/README.md",
        "results/suite/README.md",
    }
    assert len(EXAMPLES) > 5


def test_the_page_of_results_is_short_and_says_no_number_that_no_command_prints() -> None:
    page = (ROOT / "results" / "README.md").read_text()
    assert len(page.split()) <= 1_200
    printed = {number for example in examples(page) for number in numbers(example.output)}
    said = {number for number in numbers(prose(page)) if number not in KNOWN}
    assert said <= printed, f"no command on the page prints {sorted(said - printed)}"


@pytest.mark.parametrize("key", EXAMPLES, ids=lambda key: f"{key[0]}: {key[1]}")
def test_an_example_prints_what_the_document_says(
    key: tuple[str, str], command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module, _, arguments = key[1].partition("-m bench.cli.main ")
    if module:
        assert tidy(print_of(module)) == EXAMPLES[key].output
        return
    for folder in PUBLISHED:
        if folder in arguments:
            shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", COLUMNS)
    code, out, err = command(*shlex.split(arguments))
    assert code == 0, err
    assert tidy(out) == EXAMPLES[key].output
