"""One owner for each data folder: what it says where the folder cannot be had."""

from pathlib import Path

import pytest

from adapters.sql.owner import LOCK_FILE, own
from runtime.errors import ConfigurationError, StorageFull
from tests.support.clock import ManualClock


def test_a_full_disk_is_said(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / LOCK_FILE).symlink_to("/dev/full")
    with pytest.raises(StorageFull) as refused, own(tmp_path, clock=clock, role="all"):
        pass
    assert str(refused.value) == (
        f"the disk is full: nothing can be written to the data folder {tmp_path}. Make room, then "
        "start again."
    )


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = tmp_path / "file" / "data"
    with pytest.raises(ConfigurationError) as refused, own(folder, clock=clock, role="all"):
        pass
    assert str(refused.value) == (
        f"the data folder {folder} cannot be used: Not a directory. Let this user write to it, or "
        "give this one a folder of its own with NIGHTDESK_DATA_DIR."
    )


def test_a_lock_that_is_no_file_is_said(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / LOCK_FILE).mkdir()
    refused = pytest.raises(ConfigurationError, match="Is a directory")
    with refused, own(tmp_path, clock=clock, role="all"):
        pass


def test_the_holder_s_name_is_gone_with_it(tmp_path: Path, clock: ManualClock) -> None:
    with own(tmp_path, clock=clock, role="all"):
        assert b'"role":"all"' in (tmp_path / LOCK_FILE).read_bytes()
    assert (tmp_path / LOCK_FILE).read_bytes() == b""
