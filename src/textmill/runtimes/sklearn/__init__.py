"""scikit-learn text classifiers: their files, and the library's own computation."""
