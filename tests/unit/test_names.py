import pytest

from moderation.names import clean_name, name_key, problem_of, resembles
from moderation.patterns import Word
from moderation.words import WordList

NOTHING = WordList()


@pytest.mark.parametrize(
    "name",
    [
        "nagisa",
        "Ｎａｇｉｓａ",
        "Nаgіѕа",
        "N a g i s a",
        "N_a.g-i_s~a",
        "Nag1sa",
        "N4gisa",
        "Nagisá",
        "Nɑɡisa",
    ],
)
def test_look_alikes_have_one_key(name: str) -> None:
    assert name_key(name) == name_key("Nagisa")


def test_the_kana_of_a_name_does_not_matter() -> None:
    assert (
        len(
            {
                name_key(name)
                for name in ("なぎさ店長", "ナギサ店長", "ﾅｷﾞｻ 店長", "なき\u3099さ・店長")
            }
        )
        == 1
    )


def test_names_that_look_different_have_different_keys() -> None:
    names = [
        "user10",
        "user100",
        "user11",
        "Anna",
        "Ana",
        "はな",
        "ばな",
        "سارة",
        "نورة",
        "น้ำ",
        "☆",
        "♪",
        "a",
    ]

    assert len({name_key(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    "name",
    [
        "Nagisa",
        "nagisa 2",
        "【Nagisa】",
        "Nagisa_official",
        "NagisaOfficial",
        "★Nagisa★",
        "Naaagisa",
        "The Nagisa",
    ],
)
def test_names_that_pass_for_staff_resemble_it(name: str) -> None:
    assert resembles(name, name_key("Nagisa"))


@pytest.mark.parametrize("name", ["Nagi", "Nagisako", "Fan of Nagisa", "Agisa"])
def test_other_names_do_not_resemble_staff(name: str) -> None:
    assert not resembles(name, name_key("Nagisa"))


def test_an_office_beside_a_japanese_staff_name_resembles_it() -> None:
    assert resembles("【公式】ナギサ店長", name_key("なぎさ店長"))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "empty"),
        ("\u3164\u3164", "empty"),
        ("a" * 41, "too_long"),
        ("Na\u200bgisa", "invisible"),
        ("abc\u202edef", "invisible"),
        ("a\u0300\u0301\u0302\u0303\u0304", "invisible"),
        ("tab\x07", "invisible"),
        ("bad boy", "word"),
        ("モデレーター", "reserved"),
        ("Admin", "reserved"),
        ("Nagisa 1", "resembles_staff"),
        ("はるか", ""),
        ("น้ำฝน", ""),
        ("سارة", ""),
        ("Alex", ""),
        ("kuro_99", ""),
    ],
)
def test_a_name_has_its_problem_named(name: str, problem: str) -> None:
    words = WordList([Word("bad")])

    assert problem_of(clean_name(name), words=words, staff=[name_key("Nagisa")]) == problem


def test_staff_may_be_called_what_it_is() -> None:
    assert problem_of("Admin", words=NOTHING, reserved=False) == ""


def test_spaces_of_a_name_are_made_single() -> None:
    assert clean_name("  Ha\u3000\t ruka ") == "Ha ruka"
