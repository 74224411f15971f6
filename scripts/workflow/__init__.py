"""The guide's own surface: its commands, classes and functions, a thin layer on the package `spec2prod`."""
