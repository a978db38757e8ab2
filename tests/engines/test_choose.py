import pytest

from cosmos_workflow.engines import ENGINES, EngineSettings, choose_engine, make_engine
from cosmos_workflow.errors import UsageError


def test_the_one_asked_for() -> None:
    for name in ENGINES:
        assert choose_engine(name, EngineSettings(server_url="http://x")) == (name, "as asked")


def test_a_configured_server_before_describe() -> None:
    assert choose_engine("", EngineSettings(server_url="http://x/v1"))[0] == "server"


def test_describe_where_nothing_else_can_run_and_it_says_why() -> None:
    name, why = choose_engine("auto", EngineSettings())
    assert name == "describe"
    assert "no model" in why


def test_unknown_and_incomplete() -> None:
    with pytest.raises(UsageError, match="unknown engine 'gpt'"):
        choose_engine("gpt", EngineSettings())
    for name in ("vllm", "transformers"):
        with pytest.raises(UsageError, match="needs a model"):
            make_engine(name, EngineSettings())
    with pytest.raises(UsageError, match="needs a URL"):
        make_engine("server", EngineSettings())


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_can_be_made_without_its_library(name: str) -> None:
    engine = make_engine(name, EngineSettings(model_path="x", server_url="http://x/v1"))
    assert engine.name == name
    assert engine.wants in ("frames", "measurements")
    engine.close()
