"""TRANSLATION only: each adapter turns its framework's request into ours, and our reply into its own."""
