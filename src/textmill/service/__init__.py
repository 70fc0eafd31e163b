"""THE APPLICATION: operations on plain values, with no web framework."""
