"""Commands in the documents, with what they print. `python tests/support/documents.py` writes what they print now.

An example is a block of one `gmvae-bench` command that reads what `results/` holds, or of a script of `results/`, followed by a
block with all of its output.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md")), *sorted((ROOT / "results").glob("**/README.md"))]
PUBLISHED = ("results/reference", "results/suite/seven", "results/suite/unseen")
"""What commands in the documents read."""
# Of the terminal that the documents show.
COLUMNS = "120"
_BLOCK = re.compile(r"^```bash\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r'(\w+)="(.*)"$')
_INLINE = re.compile(r"`gmvae-bench ([^`\n]+)`")
_SCRIPT = re.compile(r"python (results/\S+\.py)")
_OUTPUT = re.compile(r"\s*```\n(.*?)^```\n", re.MULTILINE | re.DOTALL)

_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_TARGET = re.compile(r"\]\([^)]*\)")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")


@dataclass(frozen=True)
class Example:
    """A command and what the document says that it prints."""

    arguments: str
    """Of Python."""
    output: str
    start: int
    """Of the output in the document's text."""


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of every `gmvae-bench` command in a document, in its blocks of commands and in its sentences."""
    yield from (shlex.split(inline[1]) for inline in _INLINE.finditer(text))
    for block in _BLOCK.finditer(text):
        given: dict[str, str] = {}
        for line in block[1].replace("\\\n", " ").splitlines():
            if assigned := _ASSIGNMENT.match(line):
                given[assigned[1]] = assigned[2]
            for name, value in given.items():
                line = line.replace(f"${name}", value)
            for part in re.split(r"&&?|[;|>]", "" if line.startswith("#") else line.partition(" #")[0]):
                words = shlex.split(part)
                if words and words[0].endswith("gmvae-bench"):
                    yield words[1:]


def examples(text: str) -> Iterator[Example]:
    """Yield the examples of a document."""
    for block in _BLOCK.finditer(text):
        output = _OUTPUT.match(text, block.end())
        if not output:
            continue
        if script := _SCRIPT.fullmatch(block[1].strip()):
            yield Example(script[1], output[1], output.start(1))
        elif any(folder in block[1] for folder in PUBLISHED):
            (words,) = commands(block[0])
            yield Example(shlex.join(["-m", "bench.cli.main", *words]), output[1], output.start(1))


def prose(text: str) -> str:
    """Return a document without blocks, code in sentences, and what links point to."""
    for left_out in (_FENCED, _CODE, _TARGET):
        text = left_out.sub("", text)
    return text


def numbers(text: str) -> set[str]:
    """Return the numbers in a text, without the commas between thousands."""
    return {number.replace(",", "") for number in _NUMBER.findall(text)}


def refresh(text: str, run: Callable[[str], str]) -> str:
    """Return the document with what its examples' commands print now."""
    for example in reversed(list(examples(text))):
        text = text[: example.start] + tidy(run(example.arguments)) + text[example.start + len(example.output) :]
    return text


def tidy(printed: str) -> str:
    """Return output as documents show it: no blanks at the ends of lines, one line end at the last."""
    return "\n".join(line.rstrip() for line in printed.strip("\n").splitlines()) + "\n"


def print_of(arguments: str) -> str:
    """Return what Python prints with these arguments, in a clone, on a terminal of `COLUMNS`."""
    done = subprocess.run(
        [sys.executable, *shlex.split(arguments)],
        cwd=ROOT, env=os.environ | {"COLUMNS": COLUMNS}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # A script may end with 1 to say that what it measured falls short; one that failed says why.
    if done.returncode and (done.stderr or done.returncode != 1):
        raise RuntimeError(f"{arguments} ended with {done.returncode}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    for path in DOCUMENTS:
        before = path.read_text()
        path.write_text(refresh(before, print_of))
        sys.stdout.write(f"{path.relative_to(ROOT)}: {len(list(examples(before)))} examples\n")
