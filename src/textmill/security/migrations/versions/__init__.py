"""The versions of the tables; each is written once, and never changed after a release."""
