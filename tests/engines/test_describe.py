from cosmos_workflow.engines.describe import NOTE, DescribeEngine, describe
from cosmos_workflow.kinds.upsample.conversation import Answer, Conversation


def test_it_says_that_no_model_was_used() -> None:
    answers: list[Answer] = []
    DescribeEngine().answer([Conversation("a", "a city"), Conversation("b", "")], answers.append)
    assert [(answer.id, answer.text, answer.note) for answer in answers] == [("a", "A city.", NOTE), ("b", "", NOTE)]


def test_the_prompt_comes_first_and_ends_as_a_sentence() -> None:
    for prompt, begins in [
        ("a city", "A city."),
        ("Really?", "Really?"),
        ("夜の街。", "夜の街。"),
        (" x\n y ", "X y."),
    ]:
        assert describe(prompt, {}) == begins
