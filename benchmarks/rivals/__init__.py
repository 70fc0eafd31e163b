"""The rivals' servers; each is a program of its own, started by an interpreter that has the rival."""
