"""How a server is asked to hold its answer to a form, by `response_format`: what it does not know is left out."""

from __future__ import annotations

import re
from typing import Any, Literal

from cosmos_workflow.engines.replies import Fault
from cosmos_workflow.engines.structured import schema_of
from cosmos_workflow.kinds.upsample.conversation import Conversation

__all__ = ["AnswerForms", "Form", "with_form"]

Form = Literal["json_schema", "json_object", ""]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "")  # the strictest first; the last is plain text
# What servers say of a form that they do not know, or of a schema with words that they do not take.
NAMES_IT = re.compile(
    r"response.?format|json.?(schema|object|mode)|guided|structured.?output|grammar|\bschema\b|additionalProperties"
    r"|(min|max)(Length|Items)",
    re.IGNORECASE,
)
REFUSALS = (400, 415, 422, 501)  # of those that do not name it


def with_form(conversation: Conversation, form: Form) -> dict[str, Any]:
    """What the body of a request has besides for an answer in this form; nothing where a paragraph is wanted."""
    if conversation.caption is None or not form:
        return {}
    if form == "json_object":
        return {"response_format": {"type": "json_object"}}
    schema = {"name": "caption", "strict": True, "schema": schema_of(conversation)}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


class AnswerForms:
    """The strictest form that a server takes, as far as it is known: it is found out once a server."""

    def __init__(self) -> None:
        self.now: Form = FORMS[0]
        self._proven = False

    def after(self, form: Form, fault: Fault | None) -> Form | None:
        """The form to ask with next, after a reply to a request in this one; None where the reply stands.

        Only an answer proves what a server takes: a refusal may mean something else, though its words sound alike.
        """
        if fault is None:
            if not self._proven:
                self.now, self._proven = form, True
            return None
        if form == FORMS[-1] or fault.kind not in ("rejected", "server_error", "other"):
            return None
        about_it = NAMES_IT.search(fault.what) or (not self._proven and fault.status in REFUSALS)
        return FORMS[FORMS.index(form) + 1] if about_it else None
