"""`cosmos help`, and what the help of all commands has in common: options in groups, guesses at slips."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import click

from cosmos_workflow.errors import UsageError

__all__ = ["EXIT_CODES", "SECTIONS", "Command", "Group", "command"]

EXIT_CODES = {
    "0": "Success.",
    "1": "At least one item failed; the others are answered.",
    "2": "Bad usage, or input that cannot be used.",
    "3": "A host, a server or an engine cannot be reached or used.",
    "130": "Interrupted by Ctrl-C.",
}

# Where an option stands in the help of a command that has many. One that is not named stands under "Output".
SECTIONS = {
    "What is sent": (
        *("format", "for_spec", "for_size", "for_fps", "for_seconds"),
        *("size", "prompt", "text", "fit", "frames", "pick", "temperature", "seed", "max_tokens"),
        *("searches", "aspects", "around", "max_batch", "longest_side", "modes", "batches", "sizes", "repeats"),
    ),
    "Engine": (
        *("engine", "model", "model_path", "server_url", "server_model", "engine_option", "max_model_len"),
        *("no_offload", "offload_each"),
    ),
    "On a host": ("place", "detach", "keep_warm", "stop_after", "wait", "priority"),
    "On Ray": ("engines", "gpus_per_engine", "out_format"),
}

# What a server does not do for others: it measures and sets up machines, which is for whoever is at them.
ONLY_HERE = {
    *("probe", "bench", "report", "serve", "worker", "runs prune"),
    *("hosts add", "hosts trust", "hosts setup", "hosts remove", "hosts prune"),
}


class Command(click.Command):
    """Its help shows the options in groups: those of `SECTIONS`, if the command has none of its own."""

    sections: Mapping[str, Sequence[str]] = SECTIONS

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [option for option in self.get_params(ctx) if isinstance(option, click.Option)]
        records = [(option.name, record) for option in options if (record := option.get_help_record(ctx))]
        grouped = [name for names in self.sections.values() for name in names]
        for title, names in {**self.sections, "Output": ()}.items():
            rows = [record for name, record in records if (name in names if names else name not in grouped)]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class Group(click.Group):
    """Alone it shows its help; a mistyped command is guessed; an error knows the command that it came from."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            names = self.list_commands(ctx)
            near = _near(name.lower(), names)
            remedy = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
            raise click.UsageError(f"there is no command {name!r}; {remedy}", ctx)
        server = ctx.find_root().params.get("server")
        if server and not ctx.resilient_parsing and f"{ctx.command_path} {name}".removeprefix("cosmos ") in ONLY_HERE:
            remedy = "leave --server (COSMOS_SERVER) out, or call it on the server's machine"
            raise UsageError(f"`{name}` is for this machine, not for a server", where=server, remedy=remedy)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            if not hasattr(error, "command"):
                error.command = f"{ctx.command_path} {ctx.invoked_subcommand or ''}".strip()  # type: ignore[attr-defined]
            raise


def context_of(root: click.Context, words: Sequence[str]) -> click.Context:
    """The context of the command that these words name. Raises click.UsageError for one that is not there."""
    ctx = root
    for word in words:
        if not isinstance(ctx.command, click.Group):
            raise click.UsageError(f"{ctx.command_path} has no commands of its own", ctx)
        _, subcommand, _ = ctx.command.resolve_command(ctx, [word])
        assert subcommand is not None
        ctx = type(ctx)(subcommand, parent=ctx, info_name=word)
    return ctx


def complete_words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The commands that may follow the words given so far."""
    try:
        context = context_of(ctx.find_root(), ctx.params.get("words") or ())
    except click.UsageError:
        return []
    names = context.command.list_commands(context) if isinstance(context.command, click.Group) else []
    return [name for name in names if name.startswith(incomplete)]


@click.command("help")
@click.argument("words", nargs=-1, metavar="[COMMAND]…", shell_complete=complete_words)
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of a command.

    \b
    cosmos help upsample
    cosmos help runs show
    """
    click.echo(context_of(context.find_root(), words).get_help())


def _near(name: str, names: list[str]) -> list[str]:
    """The commands that are most like a mistyped one: several only where they are about equally so."""
    near = difflib.get_close_matches(name, names, n=3)
    likeness = [difflib.SequenceMatcher(None, name, other).ratio() for other in near]
    return [other for other, share in zip(near, likeness, strict=True) if share > likeness[0] - 0.05]
