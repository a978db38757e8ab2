from pathlib import Path

import pytest

from cosmos_workflow.engines import ENGINES, EngineSettings, Surroundings, choose_engine, make_engine
from cosmos_workflow.errors import UsageError
from cosmos_workflow.kinds.kind import get_kind
from cosmos_workflow.kinds.upsample.kind import UPSAMPLE

SETTINGS = EngineSettings(model_path="/models/m", server_url="http://x/v1", server_model="s")


def choose(name: str = "", settings: EngineSettings = SETTINGS, **place: object) -> tuple[str, str]:
    chosen = choose_engine(UPSAMPLE, name, settings, Surroundings(**place))  # type: ignore[arg-type]
    return chosen.name, chosen.why


@pytest.mark.parametrize("name", UPSAMPLE.engines)
def test_the_one_asked_for(name: str) -> None:
    assert choose(name, default="describe") == (name, "as asked")


def test_the_one_that_the_places_settings_name() -> None:
    assert choose(default="describe", server_url="http://x/v1") == ("describe", "the settings of this machine name it")


def test_a_server_before_a_model_and_a_model_before_none() -> None:
    assert choose(server_url="http://x/v1", model_path="/m")[0] == "server"
    assert choose(model_path="/m")[0] == "vllm"
    assert choose(model_path="/m", can_load=lambda name: name == "transformers")[0] == "transformers"
    name, why = choose("auto", model_path="/m", can_load=lambda name: False)
    assert (name, "no engine that can load it" in why) == ("describe", True)
    name, why = choose("auto")
    assert (name, "no model is used" in why) == ("describe", True)


def test_what_is_kept_of_a_choice() -> None:
    chosen = choose_engine(UPSAMPLE, "vllm", SETTINGS, Surroundings(model_path="/there/upsampler"))
    assert (chosen.model, chosen.wants, chosen.settings["model_path"]) == ("upsampler", "frames", "/there/upsampler")
    assert choose_engine(UPSAMPLE, "server", SETTINGS, Surroundings()).model == "s"
    describe = choose_engine(UPSAMPLE, "describe", SETTINGS, Surroundings())
    assert (describe.model, describe.wants, describe.settings["model_path"]) == ("", "measurements", "")


def test_unknown_and_incomplete() -> None:
    with pytest.raises(UsageError, match="unknown engine 'gpt'"):
        choose("gpt")
    for name in ("vllm", "transformers"):
        with pytest.raises(UsageError, match="needs a model"):
            make_engine(name, EngineSettings())
        with pytest.raises(UsageError, match="needs a model"):
            choose(name, EngineSettings())
    with pytest.raises(UsageError, match="needs a URL"):
        make_engine("server", EngineSettings())


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_can_be_made_without_its_library(name: str) -> None:
    engine = make_engine(name, EngineSettings(model_path="x", server_url="http://x/v1"))
    assert engine.name == name
    assert engine.wants == ENGINES[name].wants
    engine.close()


def test_an_engine_without_options_refuses_those_that_are_asked_for() -> None:
    asked = EngineSettings(options={"bogus": 1})
    with pytest.raises(UsageError, match="bogus is not known"):
        choose("describe", asked)
    with pytest.raises(UsageError, match="bogus is not known"):
        make_engine("describe", asked)
    # A settings file has options for every engine that may be chosen.
    chosen = choose_engine(UPSAMPLE, "describe", asked, Surroundings(options={"bogus": 1}))
    assert chosen.settings["options"] == {}


def test_an_engine_of_another_distribution_gets_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "plugins" / "words"))
    options = {"tile": 256}
    chosen = choose_engine(get_kind("words"), "", EngineSettings(options=options), Surroundings())
    assert (chosen.name, chosen.settings["options"]) == ("counter", options)
