from __future__ import annotations

from pathlib import Path

import pytest

from aai.core.paths import check_inside, why_outside
from aai.errors import UsageError


@pytest.mark.parametrize("relative", ["a.onnx", "sub/a.onnx", "./a.onnx", "..a/b", "a b.onnx", "not/there/yet"])
def test_a_path_inside_is_fine_whether_the_file_is_there_or_not(tmp_path: Path, relative: str) -> None:
    assert why_outside(tmp_path, relative) == ""
    assert check_inside(tmp_path, relative) == tmp_path / relative


@pytest.mark.parametrize(
    ("relative", "reason"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("/etc/passwd", "is absolute"),
        ("C:\\weights", "is absolute"),
        ("C:weights", "is absolute"),
        ("\\\\server\\share\\x", "is absolute"),
        ("../x", "leaves the folder through .."),
        ("a/../../x", "leaves the folder through .."),
        ("a\\..\\..\\x", "leaves the folder through .."),
        ("a\nb", "control character"),
        ("a\0b", "control character"),
    ],
)
def test_a_path_outside_is_refused_with_the_reason(tmp_path: Path, relative: str, reason: str) -> None:
    assert reason in why_outside(tmp_path, relative)
    with pytest.raises(UsageError) as caught:
        check_inside(tmp_path, relative, "label_file")
    assert reason in caught.value.what
    assert "label_file" in str(caught.value.where)


def test_links_are_followed(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "outside").write_text("x")
    (folder / "inside").write_text("x")
    (folder / "out").symlink_to(tmp_path / "outside")
    (folder / "up").symlink_to(tmp_path)
    (folder / "in").symlink_to("inside")
    (folder / "circle").symlink_to("circle")
    assert "through a link" in why_outside(folder, "out")
    assert "through a link" in why_outside(folder, "up/outside")
    assert why_outside(folder, "in") == ""
    link = tmp_path / "alias"
    link.symlink_to(folder)
    assert why_outside(link, "inside") == ""
    # Python before 3.13 can't resolve a circle, later ones leave it where it is: inside.
    assert why_outside(folder, "circle") in ("", "leaves the folder through a link")
