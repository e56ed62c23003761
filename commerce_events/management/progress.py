"""A bar on the terminal for what takes long, and silence where nobody looks."""

from __future__ import annotations

from typing import Any

_WIDTH = 30


class Progress:
    """One line on ``stream``, written again and again; nothing unless that is a terminal."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream if stream.isatty() else None
        self._shown = ""

    def show(self, what: str, done: float) -> None:
        """``done`` is between 0 and 1."""
        full = round(done * _WIDTH)
        line = f"{what:20} [{'#' * full}{'.' * (_WIDTH - full)}] {done:4.0%}"
        if self._stream is not None and line != self._shown:
            self._stream.write(f"\r{line}", ending="")
            self._stream.flush()
            self._shown = line

    def close(self) -> None:
        """Leave the line empty."""
        if self._stream is not None and self._shown:
            self._stream.write(f"\r{' ' * len(self._shown)}\r", ending="")
            self._stream.flush()
