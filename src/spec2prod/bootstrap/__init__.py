"""Where ports meet adapters, and nowhere else. Importing this package imports nothing."""
