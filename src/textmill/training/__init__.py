"""HOW a model comes to be: read labelled texts, train, measure."""
