"""Whether another user could have written what is kept on disk: kernels are pickles, whose reading runs code.

The rule is that of SSH for its keys (StrictModes of sshd): a file, its folder and the folders above belong to
this user or to root, and nobody else may write into them. SSH looks up to a user's home, this up to the root.
So three things differ:

- A folder above may be open to all if it is sticky, as /tmp: only their owners can rename what is in it.
- A folder above may belong to a user who has no number here, as root in a container without privileges.
- A group may write that this user is alone in, as by the umask 002 of many systems. Debian's ssh has the same
  exception (user-group-modes.patch).
"""

import os
import stat
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_NO_NUMBER = 65534  # stands for users of other namespaces (Linux: /proc/sys/kernel/overflowuid)


def danger(folder: str | Path, names: Iterable[str] = ()) -> str | None:
    """What lets another user write into a folder or into files of it, if anything does.

    On Windows, where modes tell nothing, nothing is found.
    """
    if not hasattr(os, "geteuid"):
        return None
    place = Path(folder).resolve()
    inside = (_danger_of(path, above=False) for path in (place, *(place / name for name in names)))
    above = (_danger_of(path, above=True) for path in place.parents)
    return next(filter(None, (*inside, *above)), None)


def _danger_of(path: Path, above: bool) -> str | None:
    try:
        found = path.stat()
    except FileNotFoundError:  # removed by another process in between
        return None
    if found.st_uid not in (0, os.geteuid(), *([_NO_NUMBER] if above else [])):
        return f"{path} belongs to another user ({found.st_uid})"
    by_all = found.st_mode & stat.S_IWOTH
    by_group = found.st_mode & stat.S_IWGRP and (_has_a_list(path) or not _is_alone_in(found.st_gid))
    if (by_all or by_group) and not (above and found.st_mode & stat.S_ISVTX):
        return f"{'other users' if by_all else 'its group'} can write into {path}"
    return None


def _has_a_list(path: Path) -> bool:
    """Whether the group's bits stand for all users that an access control list names."""
    try:
        return hasattr(os, "listxattr") and "system.posix_acl_access" in os.listxattr(path)
    except OSError:  # a file system without such lists
        return False


@cache
def _is_alone_in(group: int) -> bool:
    """Whether a group has no other members than this user and root."""
    import grp
    import pwd

    try:
        members = set(grp.getgrgid(group).gr_mem)
    except KeyError:
        return False
    users = pwd.getpwall()
    members |= {user.pw_name for user in users if user.pw_gid == group}
    mine = {user.pw_name for user in users if user.pw_uid == os.geteuid()}
    # Where a directory service keeps its users to itself, this one is missing too.
    return bool(members & mine) and members <= {*mine, "root"}
