"""What a person agrees to shows everything that is in it."""

# ruff: noqa: RUF001 - characters that look like others are what this is about

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.approvals.shown import legible, prose, reveal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("git push origin main", "git push origin main"),
        ("Grüße, Übergrößenträger: 5 €", "Grüße, Übergrößenträger: 5 €"),
        ("Привет, мир", "Привет, мир"),
        ("日本語のテキスト", "日本語のテキスト"),
        ("line\n\tindented", "line\n\tindented"),
        ("safe\u202egpj.exe", "safe⟨U+202E⟩gpj.exe"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("a\u00a0b", "a⟨U+00A0⟩b"),
        ("x\U000e0041", "x⟨U+E0041⟩"),
        ("\x1b[2Kok", "⟨U+001B⟩[2Kok"),
        ("rm -rf /\r# safe", "rm -rf /⟨U+000D⟩# safe"),
        ("p\u0430ypal.com", "p⟨U+0430⟩ypal.com"),
        ("\uff47oogle", "⟨U+FF47⟩oogle"),
        ("a\ufe0f", "a⟨U+FE0F⟩"),
        ("end  \nnext", "end⟨U+0020⟩⟨U+0020⟩\nnext"),
        ("\u3164", "⟨U+3164⟩"),
        ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟨U+27E9⟩"),
        ("\ud800", "⟨U+D800⟩"),
    ],
)
def test_what_an_eye_would_miss_is_written_out(text: str, shown: str) -> None:
    assert reveal(text) == shown


def written(text: str) -> str:
    """The text, with all that is not ASCII written out."""
    return "".join(c if c.isascii() else f"⟨U+{ord(c):04X}⟩" for c in text)


@pytest.mark.parametrize(
    "text",
    [
        "аррӏе.com",
        "https://аррӏе.com/x",
        '"раураӏ"',
        "git push origin раураӏ",
        "сору а",
        "ΑΒΕ",
        "νο",
        "օօ.com",
        "ᎪᏢᏢ",
        "ꓮꓰ",
        "evil․com",
        "evil．com",
        "a∕b",
        "a⁄b",
        "‐rf",
        "–rf",
        "−rf",
        "—force",
        "-x ’y; z’",
        "“a; b”",
        "ls ❯ x",
        "𝐝ev",
        "ⅼs",
        "ɡit",
        "ıs",
        "ſudo",
        "ｇｉｔ",
        "ﬁle",
        "𝟏0",
        "\u212bngstrom",
        "x\u037e y",
        "re\u0301sume\u0301",
        "pаypal",
        "\\nаррӏе",
    ],
)
def test_what_looks_like_ascii_is_written_out(text: str) -> None:
    assert reveal(text) == written(text)


@pytest.mark.parametrize(
    ("before", "odd", "after"),
    [
        ("привет ", "аррӏе", ".com"),
        ("a", "．", "文"),
        ("文", "．", "com"),
        ("\u1112", "\u1161", ""),
        ("naïve ", "ı", "s"),
        ("Мама ", "сору", ""),
        ("Мама мыла, ", "ѕ", "udo"),
        ("文", "ｇｉｔ", "文"),
    ],
)
def test_what_looks_like_ascii_is_written_out_alone(before: str, odd: str, after: str) -> None:
    assert reveal(before + odd + after) == before + written(odd) + after


@pytest.mark.parametrize(
    "text",
    [
        "Мама мыла раму, а у нас её ждут.",
        "Он, а не она; со мной был хор.",
        '{"text": "Привет, мир!\\nА потом у окна стояли двое."}',
        "Ребёнок и ёж",
        "Об’єкт, п’ять",
        "Η πόλη και ο δρόμος της θάλασσας",
        "Բարև ձեզ, ընկերներ",
        "你好，世界！（测试）：好；对吗？",
        "日本語のテキスト、カタカナー。",
        "한국어 문장입니다",
        "น้ำตก",
        "हिन्दी में पाठ",
        "naïve café, l’eau, señor, Łódź, Đặng, São",
        "one — two, three—four",
        "done 🎉 🇩🇪 👍🏽",
        "שלום עולם",
        "مرحبا بالعالم",
        "5 € ± 3 °C × 2 §",
    ],
)
def test_ordinary_text_stays_readable(text: str) -> None:
    assert reveal(text) == text


def test_marks_on_one_letter_are_bounded() -> None:
    assert reveal("x" + "\u0331" * 20) == "x" + "\u0331" * 8 + "⟨U+0331⟩" * 12


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("not “now” – see… ‘it’ «là» don’t", "not “now” – see… ‘it’ «là» don’t"),
        ("ｇｉｔ ² ı p\u0430ypal", "ｇｉｔ ² ı p\u0430ypal"),
        ("a\u202eb\u200b\x1b[2K\ud800", "a⟨U+202E⟩b⟨U+200B⟩⟨U+001B⟩[2K⟨U+D800⟩"),
        ("\u3164\ufe0f⟨U+1F⟩", "⟨U+3164⟩⟨U+FE0F⟩⟨U+27E8⟩U+1F⟨U+27E9⟩"),
        ("x" + "\u0331" * 9, "x" + "\u0331" * 8 + "⟨U+0331⟩"),
    ],
)
def test_of_words_that_are_only_read_what_hides_is_written_out(text: str, shown: str) -> None:
    assert legible(text) == shown


def test_prose_keeps_its_typographic_marks_and_nothing_else() -> None:
    assert prose("“so” – ‘it’ … «x» — l’eau") == "“so” – ‘it’ … «x» — l’eau"
    assert prose("\u202eа∕b") == reveal("\u202eа∕b") != "\u202eа∕b"


@given(st.text(max_size=200))
def test_two_texts_never_look_the_same_by_hidden_characters(text: str) -> None:
    shown = reveal(text)
    hidden = [
        c for c in shown if unicodedata.category(c) in {"Cf", "Co", "Cs", "Cn"} and c not in "\n\t"
    ]
    assert hidden == []
    assert all(c in "\n\t" or unicodedata.category(c) != "Cc" for c in shown)


@given(st.text(max_size=60))
def test_what_is_shown_is_normal(text: str) -> None:
    ordinary = str.maketrans("", "", "，！？：；（）～\u0e33\u0eb3\u0587")
    shown = reveal(text).translate(ordinary)
    assert unicodedata.normalize("NFKC", shown) == shown


@given(st.text(max_size=60), st.text(max_size=60))
def test_different_texts_are_shown_differently(one: str, other: str) -> None:
    assert (reveal(one) == reveal(other)) is (one == other)
