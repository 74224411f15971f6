"""The project's files on disk: `project` lists, digests, copies and guards them, `writing` writes them whole or not at all."""

from spec2prod.adapters.state_folder import STATE
from spec2prod.adapters.tree.project import ProjectTree
from spec2prod.adapters.tree.writing import write_atomic

__all__ = ["STATE", "ProjectTree", "write_atomic"]
