"""WHEN work runs: bounded queues, greedy batches, admission, deadlines, workers."""
