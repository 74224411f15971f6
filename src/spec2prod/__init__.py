"""From a markdown specification to production, with one truthful verdict per step."""

__version__ = "0.1.0"
