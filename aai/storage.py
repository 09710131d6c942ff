"""Files written so that a reader sees the old one or the new one, never a half."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
import stat
from pathlib import Path
from typing import Any, Callable, Iterator

from aai.errors import AaiError, Finding, InvalidFiles, NotAllowed, NotFound, StorageFailed, UsageError

MAX_LEVELS = 100
"""Of lists and objects inside each other, in a JSON file of the user."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


def storage_error(error: OSError, path: Path) -> AaiError:
    """The domain error that says what `error` means for `path`."""
    if error.errno in _FULL:
        return StorageFailed(
            "no space is left on the disk",
            str(path),
            "free some space, then run the same command again: nothing was lost",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        place = _nearest_that_is_there(path)
        fix = f"check its rights: ls -ld {shlex.quote(str(place))}"
        return NotAllowed(f"the folder or file can't be {_done_to(place)}", str(place), fix)
    if error.errno == errno.ENOENT:
        return NotFound("the file or folder is not there", str(path))
    if error.errno == errno.EEXIST:
        return StorageFailed("the file or folder exists already", str(path), "name another one, or move it away")
    if error.errno == errno.ENOTDIR:
        place = _nearest_that_is_there(path)
        return StorageFailed("a file is where a folder belongs", str(place), "name another folder, or move the file")
    if error.errno == errno.EISDIR:
        return StorageFailed("a folder is where a file belongs", str(path), "name the file itself")
    reason = error.strerror or str(error)
    return StorageFailed(reason[:1].lower() + reason[1:], str(path))


def _done_to(place: Path) -> str:
    """What the rights forbid: to read `place`, or else to write it."""
    needed = os.R_OK | os.X_OK if place.is_dir() else os.R_OK
    return "written" if os.access(place, needed) else "read"


def _nearest_that_is_there(path: Path) -> Path:
    """`path`, or the folder above it that is there: the one whose rights matter for something new, as a temporary file.

    A path that can't even be looked at counts as not there.
    """
    return next((place for place in (path, *path.parents) if os.path.lexists(place)), path)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Runs its body; an OSError in it becomes the domain error about `path`.

    Raises:
        StorageFailed: the disk is full, or the file system fails.
        NotAllowed: the rights forbid it, or the file system is read-only.
        NotFound: the file is not there.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(error, Path(error.filename) if isinstance(error.filename, str) else path) from error


def from_home(text: str) -> Path:
    """The path that somebody wrote, `~` and `~user` at its start put in full.

    Raises:
        UsageError: nobody of that name has a home here.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UsageError("the path names the home of nobody here", text, "write the path in full") from error


def write_bytes(path: Path, data: bytes, mode: int | None = None) -> None:
    """Writes `data` to `path` through a temporary file beside it and a rename.

    A file that already holds exactly `data` is left as it is. `mode` sets the access rights; without it they are the
    usual ones for a new file (0666 less the umask).

    Raises:
        StorageFailed: the disk is full, or the file system fails.
        NotAllowed: the rights forbid it.
    """
    with translated(path):
        if path.is_file() and path.read_bytes() == data:
            if mode is not None:
                path.chmod(mode)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}.{os.urandom(6).hex()}.tmp")
        try:
            # The kernel takes the umask off these rights; asking for the umask would change it for all threads.
            handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
            with os.fdopen(handle, "wb") as file:
                if mode is not None:
                    scratch.chmod(mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                scratch.unlink()
            raise


def write_json(path: Path, document: Any, mode: int | None = None) -> None:
    """Writes `document` as JSON with 2-space indent and a final newline; see `write_bytes`.

    Raises:
        InvalidFiles: a text in it is no Unicode, as the name of a file that is not UTF-8.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        line = text[: error.start].rpartition("\n")[2] + text[error.start :].partition("\n")[0]
        finding = Finding(
            "error",
            f"a text holds bytes that are not UTF-8, so that no file can hold it: {line.strip()[:80]}",
            str(path),
            "rename the file, or write the text anew, in UTF-8",
        )
        raise InvalidFiles("the file can't be written", [finding]) from error
    write_bytes(path, data, mode)


def read_json(path: Path, fix: str | None = None) -> Any:
    """The parsed content of a JSON file of the user.

    Raises:
        NotFound: the file is not there; `fix` then says what makes it.
        InvalidFiles: not UTF-8, a syntax error (with line and column), or what no reader takes: too deep, too long.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"{path.name} is not there", str(path.parent), fix) from error
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        document = json.loads(data.decode("utf-8-sig"))
        if is_too_deep(document):
            raise RecursionError  # as the parser does where the levels are still more
        return document
    except UnicodeDecodeError as error:
        finding = Finding("error", f"the file is not UTF-8 text (byte {error.start})", str(path), "save it as UTF-8")
        raise InvalidFiles("the file can't be read", [finding]) from error
    except RecursionError as error:
        finding = Finding("error", "the JSON is nested too deeply", str(path), "write it with fewer levels")
        raise InvalidFiles("the file can't be read", [finding]) from error
    except json.JSONDecodeError as error:
        where = f"{path}, line {error.lineno}, column {error.colno}"
        finding = Finding(
            "error", f"JSON syntax error: {error.msg[0].lower()}{error.msg[1:]}", where, "mend the file at that place"
        )
        raise InvalidFiles("the file can't be read", [finding]) from error
    except ValueError as error:
        # Python from 3.11 on, and late releases before, read no whole number of more than 4300 digits.
        finding = Finding("error", "a number has too many digits", str(path), "write a shorter number")
        raise InvalidFiles("the file can't be read", [finding]) from error


def is_too_deep(document: Any) -> bool:
    """Whether a document has more levels than can be copied and written: Python does both by recursion."""
    level = [document]
    for _ in range(MAX_LEVELS):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


@contextlib.contextmanager
def alone_in(folder: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Runs its body while no other process or thread is in `alone_in` for the same folder, which is made if need be.

    The lock is on the folder itself (flock), so it leaves no file behind and ends with the process, however that ends.
    Where a folder can't be locked (Windows, some network file systems) the body runs without it: writers there rely on
    renames alone. `waiting` is called once, when another one is in.

    Raises:
        NotAllowed: the folder can't be made or opened.
        StorageFailed: no space for it.
    """
    with translated(folder):
        handle = _open_alone(folder, waiting)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _open_alone(folder: Path, waiting: Callable[[], None] | None) -> int | None:
    try:
        import fcntl
    except ImportError:
        folder.mkdir(parents=True, exist_ok=True)
        return None
    while True:
        # The one who was in may take the folder away between any two of these steps.
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISDIR(folder.lstat().st_mode):
                    raise
            continue
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is not None:
                    waiting()
                fcntl.flock(handle, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), folder.stat()):
                    return handle
        except OSError as error:
            if error.errno in (errno.EBADF, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
                os.close(handle)
                return None
            os.close(handle)
            raise
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
