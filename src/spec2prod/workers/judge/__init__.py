"""The warm judge: collects a suite once, then forks for every test and every mutant. Run as `python <this folder>`.

What runs in the judged project's interpreter stands in this folder alone: the standard library and pytest, Python 3.9.
"""
