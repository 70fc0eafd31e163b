"""WHAT is said on the wire: schemas, one task per file; the API as data; problems."""
