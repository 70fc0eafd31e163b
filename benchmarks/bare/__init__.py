"""The limit; a program of its own, started from this folder."""
