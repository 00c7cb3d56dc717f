"""The command `gmvae-bench`."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer

from bench.cli.commands import COMMANDS
from bench.cli.plain import show_controls_as_unknown, write_plainly
from bench.cli.state import STATE, end_quietly_without_reader, end_without_reader
from bench.engine.home import ensure_home
from bench.engine.interrupt import remembered
from bench.errors import BenchError
from bench.wording import printable_lines
from gmvae.errors import GMVAEError

EXIT_USER_ERROR = 2
_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}


@contextmanager
def _ended_without_reader() -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        end_without_reader()


class _Command(typer.core.TyperCommand):
    """A command that is imported when it is called; until then its name and summary are enough."""

    def __init__(self, name: str) -> None:
        super().__init__(name, help=COMMANDS[name])

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Return the context of the real command."""
        return load_command(str(self.name)).make_context(info_name, args, parent, **extra)


class _Commands(typer.core.TyperGroup):
    """All commands, in the order of `COMMANDS`."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the options before a command; typer would call a reader that has gone a failure."""
        with _ended_without_reader():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with _ended_without_reader():
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's
        """Return their names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's
        """Return one of them, not imported yet."""
        return _Command(cmd_name) if cmd_name in COMMANDS else None


def load_command(name: str) -> Any:
    """Import a command and return it as typer's."""
    made = getattr(import_module(f"bench.cli.commands.{name}"), name)
    if isinstance(made, typer.Typer):
        # A command with commands of its own.
        group = typer.main.get_group(made)
        for inner, command in group.commands.items():
            command.epilog = _examples(f"{name} {inner}")
            command.context_settings = {**command.context_settings, **_SETTINGS}
        group.context_settings = {**group.context_settings, **_SETTINGS}
        return group
    lone = typer.Typer(add_completion=False)
    lone.command(name, epilog=_examples(name), context_settings=_SETTINGS)(made)
    return typer.main.get_command(lone)


def _examples(path: str) -> str:
    from bench.cli.examples import EXAMPLES

    # Lines that an empty one divides are shown as lines.
    return "Examples:\n\n" + "\n\n".join(f"  {example}" for example in EXAMPLES[path])


app = typer.Typer(
    name="gmvae-bench",
    cls=_Commands,
    no_args_is_help=True,
    context_settings=_SETTINGS,
    pretty_exceptions_enable=False,
    help="How many labels turn clusters found without labels into a classifier, "
    "and how does that compare with learners that start from nothing?",
    epilog="Exit codes: 0 done, 1 some cells failed, 2 the input is wrong, 3 the Ray cluster died, 130 interrupted.",
)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gmvae-bench {version('gmvae-bench')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback takes it
        bool, typer.Option("--version", help="Say which version this is.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that hold for every command."""
    STATE.debug = debug


def main() -> None:
    """Run the command line and turn the project's errors into one or two lines and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        write_plainly(stream)
    end_quietly_without_reader()
    ensure_home()
    # Where it cannot keep its cache it says so in four lines; that costs a second, and nothing else.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    show_controls_as_unknown()
    try:
        with remembered(), _ended_without_reader():
            try:
                app()
            finally:
                sys.stdout.flush()
    except (BenchError, GMVAEError) as error:
        if STATE.debug:
            raise
        sys.stderr.write(f"gmvae-bench: {printable_lines(str(error))}\n")
        sys.exit(EXIT_USER_ERROR)


if __name__ == "__main__":
    main()
