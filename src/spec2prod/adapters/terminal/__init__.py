"""What a person sees in the terminal: progress while the run goes on, and a summary at its end (rich).

On a terminal, a line at the bottom tells what is going on right now. Piped or in a log there is one plain line an event:
time, stage, sentence, verdict. Everything is written to the console that the caller hands in.
"""

from __future__ import annotations

from spec2prod.adapters.terminal.progress import Progress
from spec2prod.adapters.terminal.summary import summary

__all__ = ["Progress", "summary"]
