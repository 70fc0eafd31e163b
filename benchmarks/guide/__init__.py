"""The servers of the guide; each is a program of its own, started from this folder."""
