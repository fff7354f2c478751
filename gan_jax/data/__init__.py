"""Where images come from (`sources`), what they are (`images`), and how they reach the device (`feed`)."""
