"""Values of options that no command takes."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from cosmos_workflow.cli import cosmos


def numbers(command: click.Command, path: str) -> Iterator[tuple[str, click.Context, click.Parameter]]:
    """All options of the program that take a number with a fraction."""
    context = click.Context(command, info_name=path)
    for parameter in command.params:
        if isinstance(parameter.type, click.types.FloatParamType):
            yield f"{path} {parameter.opts[-1]}", context, parameter
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from numbers(inner, f"{path} {name}")


EVERY = {name: (context, parameter) for name, context, parameter in numbers(cosmos, "cosmos")}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_what_is_no_number_is_refused(name: str, value: str) -> None:
    context, parameter = EVERY[name]
    with pytest.raises(click.BadParameter):
        parameter.type_cast_value(context, value)


def test_there_are_such_options() -> None:
    assert {"cosmos prepare --fps", "cosmos upsample --temperature", "cosmos transfer --guidance"} <= EVERY.keys()
