"""Whether another user could have written the kernels on disk, which are pickles: reading them runs code.

The rule is that of SSH for its keys (StrictModes of sshd): a file, its folder and the folders above belong to
this user or to root, and nobody else may write into them. SSH checks up to a user's home, this module up to
the root of the file system. So three things differ:

- A folder above may be open to all if it is sticky, like /tmp: only owners can rename what is in it.
- A folder above may belong to a user who has no number here, like root in a container without privileges.
- A group may have write access if this user is its only member, as with the umask 002 of many systems.
  Debian's ssh has the same exception (user-group-modes.patch).
"""

import os
import stat
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_NO_NUMBER = 65534  # stands for users of other namespaces (Linux: /proc/sys/kernel/overflowuid)


def danger(folder: str | Path, names: Iterable[str] = ()) -> str | None:
    """What lets another user write into a folder or into files of it, if anything does.

    On Windows, where file modes do not tell, the result is None.
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
    """Whether a file has an access control list, for whose users the group's bits then stand."""
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
    # A directory service that does not list its users does not list this one either.
    return bool(members & mine) and members <= {*mine, "root"}
