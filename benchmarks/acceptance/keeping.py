"""Raw results that are kept while a run goes on: one file a run, written anew after each module, so that nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import save


@dataclass(slots=True, kw_only=True)
class Kept:
    """The file of one run; `benchmark` names the program that it lies beside."""

    benchmark: Path
    file: Path | None = None

    def keep(self, told: object) -> Path:
        """Write all that is known by now, in place of what was known before; return the file."""
        written = save(str(self.benchmark), told)
        if self.file is not None and self.file != written:
            self.file.unlink()
        self.file = written
        return written
