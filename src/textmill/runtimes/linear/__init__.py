"""Linear text classifiers, compiled: the library's answers without its cost for each call."""
