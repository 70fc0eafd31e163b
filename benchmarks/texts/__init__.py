"""Invented texts, free to distribute: `short.jsonl`, `long.jsonl` and the program that wrote them."""
