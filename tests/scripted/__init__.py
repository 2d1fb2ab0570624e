"""The parts that `servers` is made of. Tests import from `servers`."""
