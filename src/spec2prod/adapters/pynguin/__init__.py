"""Pynguin as a writer of characterisation tests: they show what the code does, not what it should do."""
