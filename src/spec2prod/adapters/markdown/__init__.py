"""Read a component's promise from markdown (markdown-it): `read_spec` from a file, `parse_spec` from a text."""

from spec2prod.adapters.markdown.file import read_spec
from spec2prod.adapters.markdown.reading import parse_spec

__all__ = ["parse_spec", "read_spec"]
