"""The site. `sphinx-build -W -n -c docs -b html . SITE`, from the root of the repository: so links out of docs/ resolve."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.cli.commands import COMMANDS  # noqa: E402
from bench.cli.main import load_command  # noqa: E402

project = "gmvae-bench"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme, root_doc = "furo", "docs/index"
html_title = "gmvae-bench"
include_patterns = ["docs/**.md", "results/**.md", "CHANGELOG.md"]
exclude_patterns = ["results/runs", "results/searches"]
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]
autodoc_typehints = "signature"
autodoc_default_options = {"exclude-members": "set_fit_request, set_score_request"}
napoleon_google_docstring = False
suppress_warnings = ["toc.no_title"]
nitpick_ignore_regex = [
    # Types of other packages: nothing is looked up over the network.
    ("py:.*", ".*"),
    # Folders, and files that are no pages.
    ("myst", r"\.\./tests/plugin|reference|replication|suite/seven|kubernetes/.*"),
]


def help_of(name: str, command: Any, parent: Any = None) -> Iterator[str]:
    """Yield the help of a command in Markdown, then that of its own commands."""
    context = command.context_class(command, info_name=name if parent else f"gmvae-bench {name}", parent=parent)
    yield f"## {context.command_path}\n\n{inspect.cleandoc(command.help or '')}\n"
    yield "```text\n" + " ".join([context.command_path, *command.collect_usage_pieces(context)]) + "\n```\n"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record:
            yield f"`{record[0]}`\n: {' '.join(record[1].split()) or '-'}\n"
    if command.epilog:
        examples = [line.strip() for line in command.epilog.splitlines()[1:] if line.strip()]
        yield "```text\n" + "\n".join(examples) + "\n```\n"
    for inner, sub in getattr(command, "commands", {}).items():
        yield from help_of(inner, sub, context)


def write_pages(_: Any) -> None:
    """Write a page for each command into docs/reference, which git ignores."""
    folder = ROOT / "docs" / "reference"
    folder.mkdir(exist_ok=True)
    for name in COMMANDS:
        text, path = f"# {name}\n\n" + "\n".join(help_of(name, load_command(name))), folder / f"{name}.md"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def setup(app: Any) -> None:
    """Write pages before Sphinx looks for them."""
    app.connect("builder-inited", write_pages)
