"""What a word that was written wrong may have meant."""

import pytest

from runtime.near import nearest


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("chanel", "Channel"),
        ("CHANNELS", "Channel"),
        ("recipients", "recipient"),
        ("weather", None),
        ("", None),
    ],
)
def test_the_nearest_is_found_whatever_its_case(word: str, meant: str | None) -> None:
    assert nearest(word, ["Channel", "recipient"]) == meant


def test_how_near_it_must_be_can_be_said() -> None:
    assert nearest("chnl", ["channel"], cutoff=0.7) == "channel"
    assert nearest("chnl", ["channel"], cutoff=0.8) is None
