"""The warm judge, asked from our side: starts the worker inside the sandbox, and reads what it says."""
