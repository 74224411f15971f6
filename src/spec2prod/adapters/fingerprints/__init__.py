"""Says of each question exactly what its answer depends on: files, configuration, tools, interpreter, environment."""
