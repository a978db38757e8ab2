"""Structured captions, which Cosmos 3 wants in place of a paragraph: their form, what a clip says of them, and checks.

A caption is a dict as NVIDIA's sample prompts have it. Only `form`, its pydantic models, needs more than Python.
No module here may be called as a name that this door offers: an imported module would stand in its place.
"""

from typing import TYPE_CHECKING

from cosmos_workflow.doors import lazy_door

if TYPE_CHECKING:
    from cosmos_workflow.kinds.upsample.caption.asking import question, question_again
    from cosmos_workflow.kinds.upsample.caption.comparing import MISSING, Change, difference
    from cosmos_workflow.kinds.upsample.caption.facts import Target, facts_of, with_facts
    from cosmos_workflow.kinds.upsample.caption.negative import negative_by_rules
    from cosmos_workflow.kinds.upsample.caption.paragraph import paragraph_of
    from cosmos_workflow.kinds.upsample.caption.problems import Problem, problems_of
    from cosmos_workflow.kinds.upsample.caption.reading import captions_in, read_caption, written
    from cosmos_workflow.kinds.upsample.caption.rules import caption_by_rules
    from cosmos_workflow.kinds.upsample.caption.schema import json_schema
    from cosmos_workflow.kinds.upsample.caption.wish import with_wish

__all__ = [
    "MISSING",
    "Change",
    "Problem",
    "Target",
    "caption_by_rules",
    "captions_in",
    "difference",
    "facts_of",
    "json_schema",
    "negative_by_rules",
    "paragraph_of",
    "problems_of",
    "question",
    "question_again",
    "read_caption",
    "with_facts",
    "with_wish",
    "written",
]

__getattr__ = lazy_door(
    __name__,
    {
        "MISSING": "comparing",
        "Change": "comparing",
        "Problem": "problems",
        "Target": "facts",
        "caption_by_rules": "rules",
        "captions_in": "reading",
        "difference": "comparing",
        "facts_of": "facts",
        "json_schema": "schema",
        "negative_by_rules": "negative",
        "paragraph_of": "paragraph",
        "problems_of": "problems",
        "question": "asking",
        "question_again": "asking",
        "read_caption": "reading",
        "with_facts": "facts",
        "with_wish": "wish",
        "written": "reading",
    },
)
