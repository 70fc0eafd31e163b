"""WHO may do it: principals, keys, tokens, scopes, and how much of it."""
