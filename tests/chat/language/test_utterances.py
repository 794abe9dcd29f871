"""Test how much of what people say is understood, on files of utterances, and print the score."""

import sys

import pytest

from tests.chat.language.scores import load, score

MIN_RIGHT = 0.97


@pytest.mark.parametrize("name", ["utterances.yaml", "held_back.yaml", "phone.yaml"])
def test_nearly_all_utterances_are_understood_and_none_becomes_a_wrong_act(name: str) -> None:
    scores = [score(said) for said in load(name)]
    wrong = [each for each in scores if not each.is_right]
    sys.stdout.write(f"{name}: {len(scores) - len(wrong)} of {len(scores)} right\n")
    for each in wrong:
        sys.stdout.write(f"{each.said} was read as {each.found}\n")
    assert [each for each in wrong if each.is_wrong_act] == []
    assert len(wrong) <= (1 - MIN_RIGHT) * len(scores)
