"""Uploaded pictures are kept only when they are pictures."""

import pytest

from server.errors import Refused
from web.pages.media import MOST_PICTURE, NAME, keep_picture


def test_a_picture_is_kept_under_a_name_of_ours(tmp_path):
    data = b"\x89PNG\r\n\x1a\n" + b"rest"

    name = keep_picture(tmp_path / "media", data, "logo")

    assert NAME.fullmatch(name) and name.endswith(".png")
    assert (tmp_path / "media" / name).read_bytes() == data


@pytest.mark.parametrize("data", [b"", b"<svg onload=alert(1)>", b"GIF89a", b"RIFF1234AVI "])
def test_what_is_no_picture_is_refused(tmp_path, data):
    with pytest.raises(Refused) as refusal:
        keep_picture(tmp_path, data, "logo")

    assert refusal.value.code == "invalid"
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_is_too_large_is_refused(tmp_path):
    with pytest.raises(Refused) as refusal:
        keep_picture(tmp_path, b"\xff\xd8\xff" + bytes(MOST_PICTURE), "logo")

    assert refusal.value.code == "too_large"


@pytest.mark.parametrize("name", ["../secret.png", ".png", "a/b.png", "A.png", "a.png\n", "a..png"])
def test_a_name_that_could_leave_the_folder_is_not_a_name(name):
    assert not NAME.fullmatch(name)
