"""The identity of a stored model."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from textmill.runtimes.digest import CHUNK, combined, digest, size


@pytest.mark.parametrize("length", [0, 1, CHUNK, CHUNK + 1])
def test_the_digest_of_a_file_is_what_sha256sum_says(tmp_path: Path, length: int) -> None:
    """So that an operator can compare it without textmill."""
    content = bytes(length)
    (tmp_path / "m").write_bytes(content)
    assert digest(tmp_path / "m") == f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Some files, at two depths, one named with a byte that is no UTF-8."""
    made = tmp_path / "made"
    (made / "a").mkdir(parents=True)
    for name, content in {"a/b": b"1", "a.c": b"2", "ä": b"3", "odd\udcff": b"4"}.items():
        (made / name).write_bytes(content)
    return made


def test_a_folder_keeps_its_digest_wherever_it_lies(folder: Path) -> None:
    """Copied and renamed, with its files made in another order."""
    copy = folder.with_name("copy")
    copy.mkdir()
    (copy / "a.c").write_bytes(b"2")
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    assert digest(folder) == digest(copy)


def test_any_change_in_a_folder_changes_its_digest(folder: Path) -> None:
    """A content, a name, a place, a file more, and bytes that move from one file to the next."""
    seen = {digest(folder)}
    (folder / "a.c").write_bytes(b"x")
    seen.add(digest(folder))
    (folder / "a.c").rename(folder / "a.d")
    seen.add(digest(folder))
    (folder / "a.d").rename(folder / "a" / "d")
    seen.add(digest(folder))
    (folder / "empty").touch()
    seen.add(digest(folder))
    (folder / "a" / "b").write_bytes(b"1x")
    (folder / "a" / "d").write_bytes(b"")
    seen.add(digest(folder))
    assert len(seen) == 6


def test_the_digest_of_a_pair_depends_on_its_order() -> None:
    """A model and a vectorizer that changed places are another model."""
    one, two = "sha256:1", "sha256:2"
    assert combined([one, two]) != combined([two, one])
    assert combined([one, two]).startswith("sha256:")


def test_the_size_is_that_of_all_files(folder: Path) -> None:
    """Of one file, or of a folder with all below it."""
    assert size(folder) == 4
    assert size(folder / "ä") == 1
