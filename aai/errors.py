"""The errors that people see, and their exit codes.

    AaiError                 1   the request failed
     +- UsageError           2   the command or call was put wrongly
     +- NotFound             3   a model, version, file or setting that was asked for is not there
     +- NotAllowed           4   credentials or file rights do not allow it
     +- RegistryError        5   the registry or the network to it failed
     +- BackendUnavailable   6   a runtime is not installed
     +- IntegrityError       7   a digest or a signature does not match
     +- InvalidFiles         1   one or more findings in files of the user
     +- BadWeights           1   a weight file that can't be read as what it should be
     +- BadImage             1   a picture that can't be read
     +- StorageFailed        1   a disk that is full, a folder that can't be written

Any other exception that reaches the command line is a fault of this program: exit code 70, with its trace.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Sequence

EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class AaiError(Exception):
    """An error with what happened, where, and what to do about it.

    Args:
        what: one sentence, lower case, no full stop: what is wrong.
        where: the file, key, flag or address that it is about.
        fix: what to do, with a command where there is one.
    """

    exit_code = 1
    code = "failed"

    def __init__(self, what: str, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def as_dict(self) -> dict[str, Any]:
        """The four facts, as `--json` prints them."""
        return {"code": self.code, "what": self.what, "where": self.where, "fix": self.fix}

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)


class UsageError(AaiError):
    """A command or a call that was put wrongly."""

    exit_code = 2
    code = "usage"


class NotFound(AaiError):
    """Something that was asked for by name is not there."""

    exit_code = 3
    code = "not_found"


class NotAllowed(AaiError):
    """Credentials or file rights do not allow it."""

    exit_code = 4
    code = "not_allowed"


class RegistryError(AaiError):
    """A registry that can't be reached, or whose content can't be read."""

    exit_code = 5
    code = "registry"


class BackendUnavailable(AaiError):
    """A runtime that is not installed here; `fix` holds the line that installs it."""

    exit_code = 6
    code = "runtime_missing"


class IntegrityError(AaiError):
    """Bytes whose digest or signature is not the one that was recorded."""

    exit_code = 7
    code = "integrity"


class BadWeights(AaiError):
    """A weight or structure file that is missing, empty, truncated or not what its name says."""

    code = "bad_weights"


class BadImage(AaiError):
    """A picture that does not decode, or has a form that a network can't take."""

    code = "bad_image"


class StorageFailed(AaiError):
    """A disk that is full, or a folder that can't be written."""

    code = "storage"


class Finding(NamedTuple):
    """One thing that is wrong, or looks wrong, in a file of the user.

    Args:
        level: "error" (refused) or "warning" (looks wrong, goes through).
        what: one sentence, lower case, no full stop.
        where: file and key, such as "alwaysai.model.json, model_parameters.size".
        fix: what to do.
    """

    level: str
    what: str
    where: str
    fix: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The finding as `--json` prints it."""
        return {"level": self.level, "what": self.what, "where": self.where, "fix": self.fix}


class InvalidFiles(AaiError):
    """Files of the user with at least one finding of level "error"; all findings at once."""

    code = "invalid"

    def __init__(self, what: str, findings: Sequence[Finding], where: str | None = None) -> None:
        errors = [f for f in findings if f.level == "error"]
        if len(errors) == 1:
            super().__init__(errors[0].what, errors[0].where, errors[0].fix)
        else:
            super().__init__(what, where, "mend each of the findings")
        self.findings = list(findings)

    def as_dict(self) -> dict[str, Any]:
        """The four facts and the findings."""
        return {**super().as_dict(), "findings": [f.as_dict() for f in self.findings]}

    def __str__(self) -> str:
        errors = [f for f in self.findings if f.level == "error"]
        if len(errors) == 1:
            return super().__str__()
        lines = [self.what]
        for finding in errors:
            lines.append(f"  - {finding.what}")
            lines.append(f"    where: {finding.where}")
            if finding.fix:
                lines.append(f"    fix:   {finding.fix}")
        return "\n".join(lines)
