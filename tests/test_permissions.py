"""A cache that another user can write to is not used, and calls succeed without it."""

import errno
import os
import pickle
import sys
from types import SimpleNamespace

import pytest

from fastloss._compile import permissions
from fastloss._compile.permissions import danger
from tests.bait import Bait
from tests.caches import RIGHT, SERIAL, files, run
from tests.refused import only_line
from tests.subprocesses import run_command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs modes and owners of files")
of_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away"
)

STRANGER, NO_NUMBER = 12345, 65534


@pytest.fixture
def place(tmp_path):
    """Make a folder in a folder, with a file in it; other users can write to none of them."""
    folder = tmp_path / "above" / "cache"
    folder.mkdir(parents=True)
    (folder / "file").write_text("")
    for each in (folder, folder.parent):
        each.chmod(0o755)
    (folder / "file").chmod(0o644)
    return folder


def test_what_nobody_else_can_write_is_no_danger(place):
    assert danger(place, ["file", "gone"]) is None


@pytest.mark.parametrize(
    ("where", "mode", "trusted"),
    [
        (".", 0o777, False),
        (".", 0o757, False),
        (".", 0o1777, False),  # others could make files with the names of future kernels
        ("file", 0o666, False),
        ("..", 0o777, False),
        ("..", 0o1777, True),
    ],
)
def test_what_others_can_write_is_a_danger(place, where, mode, trusted):
    path = (place / where).resolve()
    path.chmod(mode)
    assert danger(place, ["file"]) == (None if trusted else f"other users can write into {path}")


@of_root
@pytest.mark.parametrize(
    ("where", "owner", "trusted"),
    [
        (".", STRANGER, False),
        ("file", STRANGER, False),
        ("..", STRANGER, False),
        (".", NO_NUMBER, False),
        ("..", NO_NUMBER, True),
    ],
)
def test_what_belongs_to_others_is_a_danger(place, where, owner, trusted):
    path = (place / where).resolve()
    os.chown(path, owner, -1)
    assert danger(place, ["file"]) == (None if trusted else f"{path} belongs to another user ({owner})")


def test_a_link_is_what_it_points_to(place, tmp_path):
    (tmp_path / "link").symlink_to(place)
    assert danger(tmp_path / "link") is None
    place.chmod(0o777)
    assert danger(tmp_path / "link") == f"other users can write into {place}"


@pytest.mark.parametrize(
    ("members", "primary", "alone"),
    [
        ([], ["me"], True),
        (["me", "root"], [], True),
        (["me", "you"], ["me"], False),
        ([], ["me", "you"], False),
        (["you"], [], False),
        ([], [], False),  # a directory service that does not list its users
        (None, ["me"], False),
    ],
)
def test_a_group_of_which_this_user_is_the_only_member_may_write(place, group, members, primary, alone):
    place.chmod(0o775)
    group(members, primary)
    assert danger(place) == (None if alone else f"its group can write into {place}")


@pytest.fixture
def group(place, monkeypatch):
    """Return a function that sets the members of the folder's group, and whose primary group it is."""

    def give(members, primary):
        def group_of(number):
            if members is None:
                raise KeyError(number)
            return SimpleNamespace(gr_mem=members)

        number = place.stat().st_gid
        users = [
            SimpleNamespace(pw_name=name, pw_uid=uid, pw_gid=number if name in primary else number + 1)
            for name, uid in (("me", os.geteuid()), ("you", STRANGER))
        ]
        monkeypatch.setattr("grp.getgrgid", group_of)
        monkeypatch.setattr("pwd.getpwall", lambda: users)

    permissions._is_alone_in.cache_clear()
    yield give
    permissions._is_alone_in.cache_clear()


def test_a_list_of_users_who_may_write_is_a_danger(place, group, monkeypatch):
    group(["me"], ["me"])
    place.chmod(0o775)  # the mode that such a list leads to
    monkeypatch.setattr(os, "listxattr", lambda path: ["system.posix_acl_access"], raising=False)
    assert danger(place) == f"its group can write into {place}"


def test_a_file_system_without_such_lists_will_do(place, group, monkeypatch):
    def cannot(path):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    group(["me"], ["me"])
    place.chmod(0o775)
    monkeypatch.setattr(os, "listxattr", cannot, raising=False)
    assert danger(place) is None


@pytest.fixture(scope="module")
def baited(tmp_path_factory):
    """A cache whose indexes are bait, and the folder that unpickling one would make."""
    cache, trace = tmp_path_factory.mktemp("baited"), tmp_path_factory.mktemp("traces") / "taken"
    run(SERIAL, cache)
    for path in cache.rglob("*.nbi"):
        path.write_bytes(pickle.dumps(Bait(trace)))
    return cache, trace


@pytest.mark.parametrize(("what", "mode"), [("*.nbi", 0o666), ("_cpu_*", 0o777)])
def test_a_cache_that_others_can_write_is_left_alone(baited, what, mode):
    cache, trace = baited
    found = {path: path.stat().st_mode for path in cache.rglob(what)}
    for path in found:
        path.chmod(mode)
    try:
        before = files(cache)
        assert run(SERIAL, cache) == [RIGHT, ["huber"]]
        assert not trace.exists()
        assert files(cache) == before
        assert_commands_say(cache, "other users can write into")
    finally:
        for path, mode in found.items():
            path.chmod(mode)


def assert_commands_say(cache, danger):
    """Check that `info` tells of a danger among its other lines, and that `cache` says nothing else."""
    info, listing = (run_command(name, env={"NUMBA_CACHE_DIR": str(cache)}) for name in ("info", "cache"))
    assert (info.returncode, info.stderr) == (0, "")
    assert [danger in line for line in info.stdout.splitlines()].count(True) == 1
    assert listing.returncode == 2
    assert danger in only_line(listing.stdout, listing.stderr)


# This shows that the bait works.
def test_a_cache_of_this_user_is_used_and_mended(baited):
    cache, trace = baited
    assert run(SERIAL, cache) == [RIGHT, ["huber"]]
    assert trace.exists()
    assert run(SERIAL, cache) == [RIGHT, []]
