"""The base of every program's spec: what was written, as it was written, with the order of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator

from cosmos_workflow.errors import BadInputError
from cosmos_workflow.kinds.reading import Fields
from cosmos_workflow.kinds.transfer.formats.values import shown

__all__ = ["Unknown", "Written", "bad_values"]

Model = TypeVar("Model", bound="Written")
ERRORS_NAMED = 4  # an error names at most so many values


class Unknown(NamedTuple):
    """A key that a program does not know: in which control it stands (empty for none), whether the program stops at it,
    and a sentence about that.
    """

    control: str
    key: str
    refused: bool
    sentence: str


class Written(BaseModel):
    """A mapping of a spec. Keys without a field are kept too; the program knows those of `OTHERS` all the same."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())

    OTHERS: ClassVar[frozenset[str]] = frozenset()

    _keys: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _keep_order(cls, values: Any, handler: ModelWrapValidatorHandler[Written]) -> Written:
        made = handler(values)
        made._keys = tuple(values)
        return made

    @classmethod
    def read(cls: type[Model], values: Mapping[str, Any], where: str = "") -> Model:
        """The spec that a mapping is. Raises BadInputError that names every value of a wrong type."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise bad_values(error, where) from error

    def write(self) -> dict[str, Any]:
        """The mapping that was read: equal to it, its values' types and the order of its keys too."""
        return {key: _plain(self[key]) for key in self._keys}

    def __getitem__(self, key: str) -> Any:
        """The value of a key, known or not; None where it is not given."""
        extra = self.model_extra or {}
        return extra[key] if key in extra else getattr(self, key, None) if key in type(self).model_fields else None

    @property
    def order(self) -> tuple[str, ...]:
        """The keys that are given, in their order."""
        return self._keys

    @property
    def others(self) -> dict[str, Any]:
        """What is given under keys without a field."""
        return dict(self.model_extra or {})

    @property
    def strange(self) -> list[str]:
        """The keys that the program does not know."""
        return [key for key in self._keys if key in self.others and key not in self.OTHERS]

    @classmethod
    def guess(cls, key: str) -> str:
        """The end of a sentence about an unknown key: the known one that was probably meant."""
        alike = Fields((*cls.model_fields, *cls.OTHERS)).guess(key)
        return f" (did you mean {alike}?)" if alike else ""


def _plain(value: Any) -> Any:
    if isinstance(value, Written):
        return value.write()
    if isinstance(value, list):
        return [item.write() if isinstance(item, Written) else item for item in value]
    return value


def bad_values(error: ValidationError, where: str) -> BadInputError:
    """The error for values of a wrong type, in words."""
    lines = []
    for fault in error.errors(include_url=False):
        key = ".".join(str(part + 1 if isinstance(part, int) else part) for part in fault["loc"])
        if fault["type"] == "missing":
            lines.append(f"{key} is missing")
        elif fault["type"] in ("model_type", "dict_type"):
            lines.append(f"{key} is {shown(fault['input'])}: must be an object, in braces")
        else:
            lines.append(f"{key} is {shown(fault['input'])}: {fault['msg'].removeprefix('Value error, ')}")
    lines = list(dict.fromkeys(lines))
    more = f"; and {len(lines) - ERRORS_NAMED} more" if len(lines) > ERRORS_NAMED else ""
    return BadInputError(
        "; ".join(lines[:ERRORS_NAMED]) + more, where=where, remedy="correct this; docs/TRANSFER.md has all keys"
    )
