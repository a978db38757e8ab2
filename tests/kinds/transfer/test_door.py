"""What the room of the forms offers."""

from __future__ import annotations

import pytest

from cosmos_workflow.kinds.transfer import formats


def test_the_door_holds_what_it_says() -> None:
    assert sorted(formats.__all__) == sorted({name for names in formats.HOMES.values() for name in names})
    for name in formats.__all__:
        assert callable(getattr(formats, name)) or name == "PROGRAMS"
    with pytest.raises(AttributeError):
        _ = formats.no_such_name
