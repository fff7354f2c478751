"""Training any system: the loop, its checkpoints, and its log."""
