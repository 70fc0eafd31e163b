"""spaCy pipelines, computed by spaCy itself."""
