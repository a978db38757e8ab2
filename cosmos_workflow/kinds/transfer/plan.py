"""The check of an item before anything runs: its verdict, what to do, and the work that an engine would get."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cosmos_workflow.errors import BadInputError, UsageError
from cosmos_workflow.kinds.transfer.case import Case, case_of
from cosmos_workflow.kinds.transfer.item import Item, Settings, Verdict
from cosmos_workflow.kinds.transfer.preflight import LEVELS, Finding, findings
from cosmos_workflow.kinds.transfer.spec import RESTORED, WeightMap
from cosmos_workflow.kinds.transfer.work import Applied, Area, Work
from cosmos_workflow.limits.video_facts import Setting

__all__ = ["Checked", "bad_input", "check_item"]

PRESET = "medium"


@dataclass(frozen=True)
class Checked:
    """An Item with what is known of it: its verdict, each statement that holds, and the Work if it runs."""

    item: Item
    verdict: Verdict
    reason: str = ""
    remedy: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    case: Case | None = None
    work: Work | None = None

    @property
    def runs(self) -> bool:
        return self.verdict not in ("bad_input", "no_memory")

    @property
    def note(self) -> str:
        """What will be made, in words."""
        if not self.runs or self.work is None:
            return ""
        work = self.work
        chunks = f"{work.chunks} {'chunk' if work.chunks == 1 else 'chunks'}"
        made = f"{work.out_width}x{work.out_height}, {work.frames} frames at {work.out_fps:g} a second, {chunks}"
        kept = self.item.extra.get("upsampled")
        prompt = [f"prompt by the upsampler ({kept['engine']}), which saw: {kept['looked_at']}"] if kept else []
        return "; ".join([made, *prompt, *self.notes])


def bad_input(item: Item, error: BadInputError | UsageError) -> Checked:
    """An item that cannot be used."""
    reason = f"{error.where}: {error.what}" if error.where else error.what
    return Checked(item, "bad_input", reason, error.remedy)


def check_item(item: Item, settings: Settings) -> Checked:
    """What is known of an item before it runs; one that cannot be used is told of, never raised."""
    try:
        case = case_of(item, settings)
        statements = tuple(findings(case))
    except (BadInputError, UsageError) as error:
        return bad_input(item, error)
    by_level = {level: [each for each in statements if each.statement.level == level] for level in LEVELS}
    warnings = tuple(f"{each.text}: {each.remedy}" for each in by_level["risky"])
    notes = tuple(each.text for each in by_level["note"])
    against = by_level["bad_input"] or by_level["no_memory"]
    if against:
        reasons = "; ".join(each.text for each in against)
        remedies = "; ".join(dict.fromkeys(each.remedy for each in against))
        return Checked(item, against[0].statement.verdict, reasons, remedies, warnings, notes, statements, case)
    verdict: Verdict = "risky" if warnings else "fits"
    return Checked(item, verdict, "; ".join(warnings), "", warnings, notes, statements, case, work_of(case))


def work_of(case: Case) -> Work:
    """What an engine is asked for a case that runs: nothing is left open."""
    spec, model = case.spec, case.model
    hints = case.hints
    controls = []
    for hint, control in case.controls.items():
        computed = getattr(case.item, hint, None) is None
        controls.append(
            Applied(
                hint,
                0.0 if isinstance(control.weight, WeightMap) else case.weights[hint],
                case.shares[hint],
                (control.preset or PRESET) if computed and hint in ("edge", "vis") else "",
                computed and hint != "upscale",
                bool(control.mask or control.mask_prompt),
                control.mask_prompt,
                control.prompt,
                control.checkpoint,
            )
        )
    control_guidance = _asked(spec.control_guidance, model.control_guidance, hints)
    return Work(
        model=model.name,
        family=case.family,
        prompt=spec.prompt,
        negative_prompt=spec.negative_prompt,
        controls=tuple(controls),
        width=case.bucket[0],
        height=case.bucket[1],
        out_width=case.out_size[0],
        out_height=case.out_size[1],
        frames=case.frames,
        fps=case.fps,
        chunk=case.chunk,
        overlap=case.overlap,
        first_overlap=spec.first_overlap or 0,
        chunks=case.chunks,
        steps=spec.steps or round(model.steps.default or 35),
        guidance=_asked(spec.guidance, model.guidance, hints) or 0.0,
        seed=seed_of(case),
        control_guidance=1.0 if control_guidance is None else control_guidance,
        shift=spec.shift or 0.0,
        sigma_max=_asked(spec.sigma_max, model.sigma_max, hints),
        out_fps=case.out_fps,
        restore=tuple(part for part in RESTORED if part in spec.restore),
        keep_frames=spec.keep_frames,
        regions=tuple(
            Area(region.prompt, region.box or (), region.mask, region.mask_prompt) for region in spec.regions
        ),
        style_frame=spec.style_frame,
        anchor_step=spec.anchor_step,
        anchor_labels=spec.anchor_labels,
        keep_size=model.output != "input" or spec.keep_size is not False,
        show_control=bool(spec.show_control),
        show_input=bool(spec.show_input),
        program=spec.program,
    )


def _asked(value: float | None, setting: Setting | None, hints: list[str]) -> float | None:
    """A number of the spec, else the model's default; None where there is none."""
    return value if value is not None or setting is None else setting.default_for(hints)


def seed_of(case: Case) -> int:
    """The seed that is asked for, else the model's own; where the model draws one, NVIDIA's of its samples."""
    if case.spec.seed is not None:
        return case.spec.seed
    return case.model.seed if case.model.seed is not None else SAMPLE_SEED


SAMPLE_SEED = 2026  # of Cosmos 3's sample specs


def again(item: Item, decided: Work, settings: Settings) -> Checked:
    """An item when its turn comes: its files are looked at again, and what was `decided` of it stays so."""
    checked = check_item(item, settings)
    return replace(checked, work=decided) if checked.runs else checked
