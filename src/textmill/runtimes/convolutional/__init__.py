"""spaCy's convolutional entity recognisers, compiled: its answers from numpy alone."""
