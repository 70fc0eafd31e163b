"""HOW a stored model becomes a callable on a list of texts: one library per file."""
