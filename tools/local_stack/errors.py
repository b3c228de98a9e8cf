"""The one error of the local stack."""

from pathlib import Path

_TAIL_LINES = 25


class LocalStackError(RuntimeError):
    """A part of the local stack did not do what it should; the message says which, and why as far as its log tells."""

    @classmethod
    def of(cls, part: str, what: str, log: Path) -> "LocalStackError":
        """The error with the last lines of the part's log."""
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:] if log.exists() else []
        return cls("\n".join([f"{part}: {what}. The end of {log}:", *(f"    {line}" for line in tail)]))
