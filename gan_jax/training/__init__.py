"""Training any system: the loop, its callbacks, its checkpoints, its log, and the devices it runs on."""
