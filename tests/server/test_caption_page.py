"""The page of a structured caption and the form that edits it, without a browser."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import caption_entries
import clips
import httpx2
import pytest
from caption_entries import CAPTION, NEGATIVE
from servers.cosmos_server import CosmosServer

from cosmos_workflow.client import Client
from cosmos_workflow.kinds.upsample.caption import problems_of, written
from cosmos_workflow.server.page.captions.fields import groups_of, locks_of
from cosmos_workflow.server.page.captions.forms import caption_from, with_rows
from cosmos_workflow.server.page.captions.timeline import timeline_of
from cosmos_workflow.store import Store

pytestmark = pytest.mark.timeout(300)

EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
WRONG = deepcopy(CAPTION) | {"aspect_ratio": "9,16", "colour": "red"}
WRONG["actions"][1]["time"] = "0:03-0:09"


# Objects that anybody could have answered, with too little in them or something else.
ODD: dict[str, Any] = {
    "bare": {"subjects": []},
    "types": {"segments": 3, "temporal_caption": ["x"], "cinematography": {"camera_motion": 5}, "fps": "x"},
    "nulls": {"subjects": [{"description": None}, 3], "resolution": {"W": True}, "fps": 1e300, "actions": [None]},
    "zeros": CAPTION | {"fps": 0, "duration": "0s", "transitions": [{"a": 1}]},
}


def hostile() -> dict[str, Any]:
    """A caption in which each text is somebody's try to run a script."""

    def spoilt(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spoilt(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [spoilt(inner) for inner in value]
        return EVIL if isinstance(value, str) and value and not re.fullmatch(r"[\d:,.-]+s?", value) else value

    caption: dict[str, Any] = spoilt(CAPTION)
    caption["transitions"], caption[EVIL] = [EVIL], EVIL
    return caption


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captions") / "shared"
    folder.mkdir()
    clips.textured(folder / "pit & co.mp4", 320, 180, frames=12)
    return folder


@pytest.fixture(scope="module")
def numbers(shared: Path) -> dict[str, int]:
    store = Store(f"sqlite:///{shared.parent / 'data' / 'store.db'}")
    clip = shared / "pit & co.mp4"
    captions = {"good": CAPTION, "negative": NEGATIVE, "hostile": hostile(), "wrong": WRONG, "cut": '{"subjects": [{'}
    numbers = {name: caption_entries.add_entry(store, name, clip, caption) for name, caption in captions.items()}
    numbers |= {name: caption_entries.add_entry(store, name, clip, text) for name, text in ODD.items()}
    numbers["prose"] = caption_entries.add_entry(store, "prose", clip, "A long paragraph of <b>prose</b>.")
    store.database.close()
    return numbers


@pytest.fixture(scope="module")
def server(shared: Path, numbers: dict[str, int]) -> Iterator[CosmosServer]:
    with CosmosServer(shared.parent / "data", "--media", shared) as server:
        yield server


def fields_of(page: str) -> dict[str, str]:
    """What a browser would send of the form: its fields with their values, without buttons."""
    form = page[page.index('<form id="caption-form"') :]
    form = form[: form.index("</form>")]
    fields = {}
    for tag in re.findall(r"<input [^>]*>", form):
        attributes = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        fields[attributes["name"]] = attributes.get("value", "")
    fields |= dict(re.findall(r'<textarea name="([^"]*)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL))
    for name, options in re.findall(r'<select name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        fields[name] = re.findall(r'value="([^"]*)" selected', options)[0]
    return {html.unescape(name): html.unescape(value) for name, value in fields.items()}


def send(http: httpx2.Client, number: int, **changes: str) -> httpx2.Response:
    """Send the form as it is shown, with some fields changed."""
    return http.post(
        f"/prompts/{number}/caption", data=fields_of(http.get(f"/prompts/{number}/caption").text) | changes
    )


@pytest.mark.slow
def test_a_caption_reads_as_a_story_with_its_times(http: httpx2.Client, numbers: dict[str, int]) -> None:
    page = http.get(f"/prompts/{numbers['good']}").text
    assert (
        page.index('id="story"')
        < page.index('id="timeline"')
        < page.index("<h2>Subjects</h2>")
        < page.index('id="raw"')
    )
    assert CAPTION["temporal_caption"] in page
    for group in ("Subjects", "Setting", "Light", "Look", "Camera", "Times", "The video"):
        assert f"<h2>{group}</h2>" in page
    assert "<h2>Sound</h2>" not in page  # there is nothing in it
    assert "Left empty: relationship, pose" in page
    # The clip has 24 frames a second as well, so the times are its own.
    assert 'aria-label="Action 2, 0:01-0:03: It lifts a load of stones."' in page
    assert '#t=1.0" data-seek="1.0"' in page
    assert 'src="/api/v1/shared/content?path=pit%20%26%20co.mp4"' in page
    assert http.get("/api/v1/shared/content?path=pit%20%26%20co.mp4").status_code == 200
    copied = re.search(r'data-copy="([^"]*)">Copy<', page)
    assert copied
    assert json.loads(html.unescape(copied[1])) == CAPTION
    assert 'role="alert" id="problems"' not in page


def test_a_download_is_the_caption_to_the_byte(http: httpx2.Client, numbers: dict[str, int]) -> None:
    answer = http.get(f"/prompts/{numbers['good']}/caption.json")
    assert answer.text == written(CAPTION)
    assert answer.headers["content-type"] == "application/json"
    assert "good-item.json" in answer.headers["content-disposition"]
    assert http.get(f"/prompts/{numbers['prose']}/caption.json").status_code == 404


def test_its_paragraph_goes_to_models_that_take_one(http: httpx2.Client, numbers: dict[str, int]) -> None:
    page = html.unescape(http.get(f"/prompts/{numbers['good']}").text)
    assert "Copy the paragraph" in page
    source = "&source=pit%20%26%20co.mp4"
    for address, words in ((f"/transfer?prompt={numbers['good']}&words=true{source}", "excavator"),
                           (f"/?prompt={numbers['good']}&words=true", "excavator")):  # fmt: skip
        assert f'href="{address}"' in page
        form = html.unescape(http.get(address).text)
        assert words in form
        assert "segment_index" not in form
    assert "Copy the paragraph" not in http.get(f"/prompts/{numbers['negative']}").text


def test_a_caption_goes_to_the_transfer_as_its_prompt(http: httpx2.Client, numbers: dict[str, int]) -> None:
    page = html.unescape(http.get(f"/prompts/{numbers['good']}").text)
    address = f"/transfer?prompt={numbers['good']}&source=pit%20%26%20co.mp4"
    assert f'href="{address}"' in page
    form = http.get(address).text
    text = re.search(r'<textarea name="prompt"[^>]*>\n(.*?)</textarea>', form, re.DOTALL)
    assert text
    assert json.loads(html.unescape(text[1])) == CAPTION
    assert '<option value="pit &amp; co.mp4" selected>' in form
    assert '<option value="cosmos3-nano" selected>' in form
    assert "Use in a transfer" not in http.get(f"/prompts/{numbers['negative']}").text
    assert http.get("/transfer?prompt=999999").status_code == 404


def test_the_history_and_the_run_show_the_story_and_not_the_json(http: httpx2.Client, numbers: dict[str, int]) -> None:
    for address in ("/prompts?run=good", "/runs/good"):
        page = http.get(address).text
        assert CAPTION["temporal_caption"] in page
        assert f'href="/prompts/{numbers["good"]}">Show the caption' in page
        assert '<p class="after"><span class="label">upsampled' not in page
    compared = http.get(f"/prompts/compare?number={numbers['good']}&number={numbers['wrong']}").text
    assert "resolution.W: 1280" in compared
    assert 'class="other">0:03-0:09' in compared


def test_prose_and_what_is_cut_have_a_page_too(http: httpx2.Client, numbers: dict[str, int]) -> None:
    page = http.get(f"/prompts/{numbers['prose']}").text
    plain = re.sub("</?mark>", "", page)
    assert "paragraph of &lt;b&gt;prose&lt;/b&gt;." in plain
    assert "<b>prose" not in plain
    assert http.get(f"/prompts/{numbers['cut']}").status_code == 200
    for number in (numbers["prose"], numbers["cut"], 999_999):
        for answer in (
            http.get(f"/prompts/{number}/caption"),
            http.post(f"/prompts/{number}/caption", data={"do": "save"}),
        ):
            assert answer.status_code == 404
    assert http.get("/prompts/999999").status_code == 404


@pytest.mark.parametrize("name", ODD)
def test_an_odd_object_has_its_pages_and_breaks_no_list(
    http: httpx2.Client, numbers: dict[str, int], name: str
) -> None:
    number = numbers[name]
    for address in (f"/prompts/{number}", f"/prompts/{number}/caption", f"/prompts?run={name}", f"/runs/{name}",
                    f"/?prompt={number}", f"/transfer?prompt={number}", f"/transfer?prompt={number}&words=true",
                    f"/prompts/compare?number={number}&number={numbers['good']}"):  # fmt: skip
        assert http.get(address).status_code == 200, address
    assert 'id="problems"' in http.get(f"/prompts/{number}").text
    assert 'id="problems"' in send(http, number, do="save").text
    for act in ("add subjects", "add actions", "remove segments[0]", "unlock"):
        assert send(http, number, do=act).status_code == 200


def test_what_is_wrong_stands_beside_its_field(http: httpx2.Client, numbers: dict[str, int]) -> None:
    page = html.unescape(http.get(f"/prompts/{numbers['wrong']}").text)
    problems = problems_of(WRONG)
    assert {problem.field for problem in problems} == {"aspect_ratio", "actions[1].time", "colour"}
    listed = page[page.index('id="problems"') : page.index('id="story"')]
    for problem in problems:
        assert f"{problem.field}</a>: {problem.what}; {problem.remedy}" in listed
    ratio = page[page.index('id="f-aspect_ratio"') :]
    assert ratio.index("it is 9,16, and 1280x720 is 16,9") < ratio.index("</div>")
    assert "Copy the paragraph" not in page


def test_no_text_of_a_caption_is_more_than_text(http: httpx2.Client, numbers: dict[str, int]) -> None:
    number = numbers["hostile"]
    pages = [http.get(f"/prompts/{number}{rest}").text for rest in ("", "/caption")]
    pages += [http.get("/prompts?run=hostile").text, http.get(f"/transfer?prompt={number}").text]
    pages.append(send(http, number, do="check", temporal_caption=EVIL).text)
    for page in pages:
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "</textarea><" not in html.unescape(page).replace("</textarea>\n", "").replace("</textarea></label>", "")


def test_the_form_gives_back_what_it_was_filled_with(http: httpx2.Client, numbers: dict[str, int]) -> None:
    for name in ("good", "negative"):
        answer = send(http, numbers[name], do="save")
        assert answer.status_code == 200
        assert "Nothing is changed" in answer.text


def test_facts_are_shown_with_the_reason_and_cannot_be_sent(http: httpx2.Client, numbers: dict[str, int]) -> None:
    number = numbers["good"]
    page = http.get(f"/prompts/{number}/caption").text
    fields = fields_of(page)
    locked = {
        "resolution.W",
        "aspect_ratio",
        "duration",
        "fps",
        "cinematography.camera_motion",
        "segments[0].time_range",
    }
    assert not locked & set(fields)
    assert "It is that of the video that is to be made." in page
    assert "It says what was measured in the clip." in page
    assert "Add a segment" not in page
    answer = send(http, number, do="save", duration="9s", fps="1", segments="5")
    assert "Nothing is changed" in answer.text
    opened = send(http, number, do="unlock", artistic_style="Noir")
    assert locked < set(fields_of(opened.text))
    assert fields_of(opened.text)["artistic_style"] == "Noir"
    answer = http.post(f"/prompts/{number}/caption", data=fields_of(opened.text) | {"do": "save", "duration": "2s"})
    assert "it ends after the clip, which lasts 2 s" in answer.text
    assert not {"Edit these too"} & set(
        re.findall("Edit these too", http.get(f"/prompts/{numbers['negative']}/caption").text)
    )


def test_what_is_wrong_is_told_beside_its_field_and_nothing_typed_is_lost(
    http: httpx2.Client, client: Client, numbers: dict[str, int]
) -> None:
    before = len(client.prompts())
    changes = {
        "actions[1].time": "0:03-0:01", "subjects[0].description": "", "subjects[0].number_of_subjects": "many",
        "lighting.shadows": "None at\r\nall", "subjects[0].gender": "Male",
    }  # fmt: skip
    answer = send(http, numbers["good"], do="save", **changes)
    assert answer.status_code == 200
    fields = fields_of(answer.text)
    assert {name: fields[name].replace("\n", "\r\n") for name in changes} == changes
    page = html.unescape(answer.text)
    for field, words in (("actions[1].time", "it ends before it begins"), ("subjects[0].description", "it is empty"),
                         ("subjects[0].number_of_subjects", "it is a text, not a whole number")):  # fmt: skip
        beside = page[page.index(f'id="p-{field}"') :]
        assert words in beside[: beside.index("</div>")]
        assert f'aria-describedby="p-{field}"' in page
    assert len(client.prompts()) == before


def test_rows_come_and_go_with_a_plain_form(http: httpx2.Client, numbers: dict[str, int]) -> None:
    number = numbers["good"]
    answer = send(http, number, do="add actions", context="Typed before")
    fields = fields_of(answer.text)
    assert (fields["actions"], fields["context"]) == ("3", "Typed before")
    assert fields["actions[2].time"] == "0:03-0:04"  # from the end of the last one to the end of the clip
    answer = http.post(f"/prompts/{number}/caption", data=fields | {"do": "remove actions[0]"})
    fields = fields_of(answer.text)
    assert (fields["actions"], fields["actions[0].description"]) == ("2", "It lifts a load of stones.")
    for act in ("add transitions", "add text_and_signage_elements", "add subjects"):
        assert fields_of(send(http, number, do=act).text)[act.split()[1]] in ("1", "2")
    assert fields_of(send(http, number, do="remove actions[7]").text)["actions"] == "2"


@pytest.mark.parametrize(
    "sent", [{"do": "add nothing"}, {"do": "remove duration"}, {"actions": "-1"}, {"actions": "99999"}]
)
def test_a_form_that_is_not_ours_is_refused(http: httpx2.Client, numbers: dict[str, int], sent: dict[str, str]) -> None:
    answer = http.post(
        f"/prompts/{numbers['good']}/caption", data={"do": "save"} | sent, headers={"accept": "text/html"}
    )
    assert answer.status_code == 422
    assert "Something is wrong" in answer.text


def test_another_web_page_cannot_send_the_form(http: httpx2.Client, numbers: dict[str, int]) -> None:
    answer = http.post(
        f"/prompts/{numbers['good']}/caption", data={"do": "save"}, headers={"origin": "http://elsewhere.example"}
    )
    assert answer.status_code == 403


def test_an_edit_is_kept_beside_the_answer_and_compared_with_it(
    http: httpx2.Client, client: Client, numbers: dict[str, int]
) -> None:
    number = numbers["good"]
    changes = {
        "lighting.conditions": "Starlight — é",
        "actions[0].time": "0:00-0:02",
        "subjects[0].number_of_arms": "2",
    }
    answer = send(http, number, do="save", **changes)
    assert answer.status_code == 303
    kept = int(answer.headers["location"].rsplit("/", 1)[1])
    entry, origin = client.prompt(kept), client.prompt(number)
    assert json.loads(origin.answer) == CAPTION  # a model's answer stays as it was
    caption = json.loads(entry.answer)
    assert caption == {
        **CAPTION, "lighting": CAPTION["lighting"] | {"conditions": "Starlight — é"},
        "actions": [CAPTION["actions"][0] | {"time": "0:00-0:02"}, CAPTION["actions"][1]],
        "subjects": [CAPTION["subjects"][0] | {"number_of_arms": 2}],
    }  # fmt: skip
    assert problems_of(caption) == []
    assert (entry.ok, entry.tags, entry.result.engine, entry.result.prompt) == (True, ["edited"], "by hand", "a quarry")
    assert client.show(entry.run).state == "done"
    page = html.unescape(http.get(f"/prompts/{kept}").text)
    table = page[page.index('id="changes"') :]
    for field, before, after in (("lighting.conditions", "Low evening sun", "Starlight — é"),
                                 ("actions[0].time", "0:00-0:01", "0:00-0:02"),
                                 ("subjects[0].number_of_arms", "1", "2")):  # fmt: skip
        assert f'{field}</th><td class="long">{before}</td><td class="long">{after}</td>' in table
    assert [prompt.number for prompt in client.prompts("Starlight")] == [kept]
    assert 'src="/api/v1/shared/content?path=pit%20%26%20co.mp4"' in page
    # It is edited again, run on, and outlives what it came from.
    assert f'href="/transfer?prompt={kept}&source=pit%20%26%20co.mp4"' in page
    again = send(http, kept, do="save", context="Twice edited")
    assert again.status_code == 303
    http.post("/prompts/remove", data={"number": [kept]})
    assert "which was removed" in http.get(again.headers["location"]).text
    assert http.get(f"/runs/{entry.run}").status_code == 200


def test_a_negative_caption_is_edited_without_times(
    http: httpx2.Client, client: Client, numbers: dict[str, int]
) -> None:
    page = http.get(f"/prompts/{numbers['negative']}").text
    assert "<h2>Physics</h2>" in page
    assert 'id="timeline"' not in page
    answer = send(http, numbers["negative"], do="save", physical_realism="Water flows upwards")
    entry = client.prompt(int(answer.headers["location"].rsplit("/", 1)[1]))
    assert json.loads(entry.answer) == NEGATIVE | {"physical_realism": "Water flows upwards"}


def test_a_described_clip_becomes_a_caption_of_the_size_that_is_asked(http: httpx2.Client, client: Client) -> None:
    rows = json.dumps([{"key": "1", "video": "pit & co.mp4", "prompt": "a quarry at night"}])
    form = {"rows": rows, "engine": "describe", "format": "cosmos3", "pick": "shots", "for_size": "720 x 1280",
            "for_fps": "12,5", "for_seconds": "3"}  # fmt: skip
    checked = http.post("/new/check", data=form)
    assert 'role="alert"' not in checked.text
    answer = http.post("/new/run", data=form)
    assert answer.status_code == 204, answer.text
    run = answer.headers["hx-redirect"].rsplit("/", 1)[1]
    until = time.monotonic() + 120
    while client.show(run).state not in ("done", "failed", "cancelled"):
        assert time.monotonic() < until
        time.sleep(0.1)
    entry = client.prompts(run=run)[0]
    assert entry.ok, entry.result.error
    caption = json.loads(entry.answer)
    assert (caption["resolution"], caption["aspect_ratio"], caption["fps"]) == ({"W": 720, "H": 1280}, "9,16", 12.5)
    assert caption["duration"] == "3s"
    assert 'id="timeline"' in http.get(f"/prompts/{entry.number}").text
    again = http.get(f"/?prompt={entry.number}").text
    assert '<option value="cosmos3" selected>' in again
    for field, value in (("for_size", "720x1280"), ("for_fps", "12.5"), ("for_seconds", "3")):
        assert f'name="{field}" value="{value}"' in again
    assert '<option value="shots" selected>' in again
    assert '<option value="video">' in again
    (rows,) = re.findall("data-rows='([^']*)'", again)
    assert [row["video"] for row in json.loads(html.unescape(rows))] == ["pit & co.mp4"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("for_size", "large", "Size: 'large' is no size; give width and height, such as 1280x720"),
        ("for_size", "0x720", "Size: give width and height, such as 1280x720"),
        ("for_fps", "-1", "Frames a second: give a number, such as 24"),
        ("for_seconds", "long", "Seconds: give a number, such as 4"),
        ("format", "cosmos9", "Format: choose one of the list"),
        ("pick", "best", "Which frames: choose one of the list"),
    ],
)
def test_a_target_that_is_none_is_told_in_the_form(http: httpx2.Client, field: str, value: str, words: str) -> None:
    rows = json.dumps([{"key": "1", "video": "pit & co.mp4", "prompt": "x"}])
    form = {"rows": rows, "format": "cosmos3"} | {field: value}
    for path in ("/new/check", "/new/run"):
        assert words in html.unescape(http.post(path, data=form).text)
    if field.startswith("for_"):  # prose has no size
        assert words not in html.unescape(http.post("/new/check", data=form | {"format": "text"}).text)


def test_bars_lie_where_their_times_are() -> None:
    bars = timeline_of(CAPTION).bars
    assert [(bar.field, bar.left, bar.width, bar.top) for bar in bars] == [
        ("segments[0].time_range", 0.0, 100.0, 22), ("actions[0].time", 0.0, 25.0, 56),
        ("actions[1].time", 25.0, 50.0, 56),
    ]  # fmt: skip
    assert [place for place, _ in timeline_of(CAPTION).ticks] == [0.0, 25.0, 50.0, 75.0, 100.0]
    # Two that overlap lie in two lanes; a clip at half the rate is at twice the time.
    times = [{"time": time, "description": "x"} for time in ("0:00-0:02", "0:01-0:03", "0:02-0:04", "never", 7)]
    timeline = timeline_of(CAPTION | {"actions": times, "segments": "none"}, 2.0)
    assert [(bar.top, bar.seek) for bar in timeline.bars] == [(22, 0.0), (56, 2.0), (22, 4.0)]
    for wrong in ({}, {"actions": 3, "segments": [None], "duration": []}, {"actions": [{"time": "999:59-999:59"}]}):
        assert timeline_of(wrong).seconds > 0


def test_a_form_reads_every_field_that_it_shows() -> None:
    for caption in (CAPTION, NEGATIVE):
        locks = locks_of(caption, measured=True, unlocked=True)
        form = {each.field: f"{len(each.rows)}" for group in groups_of(caption) for each in group.lists}
        leaves = [leaf for group in groups_of(caption) for leaf in group.leaves]
        leaves += [leaf for group in groups_of(caption) for each in group.lists for row in each.rows for leaf in row]
        form |= {leaf.field: leaf.value for leaf in leaves}
        assert caption_from(form, caption, locks) == caption
        for leaf in leaves:
            changed = caption_from(form | {leaf.field: "77"}, caption, locks)
            assert changed != caption, leaf.field
        assert caption_from({}, caption, locks) == caption


def test_a_caption_of_wrong_types_is_mended_in_the_form() -> None:
    broken: dict[str, Any] = CAPTION | {
        "subjects": "one",
        "lighting": 3,
        "actions": ["x"],
        "transitions": [5],
        "fps": None,
    }
    problems = problems_of(broken)
    groups = groups_of(broken, problems)
    beside = {problem.field for group in groups for leaf in group.leaves for problem in leaf.problems}
    beside |= {problem.field for group in groups for each in group.lists for problem in each.problems}
    assert {"subjects", "lighting", "fps"} <= beside
    mended = caption_from({"subjects": "1"}, broken, lambda _: "")
    assert mended["lighting"] == {"conditions": "", "direction": "", "shadows": "", "illumination_effect": ""}
    assert with_rows(mended, "add segments")["segments"][1]["segment_index"] == 1
