"""Commands that run from the project's root."""
