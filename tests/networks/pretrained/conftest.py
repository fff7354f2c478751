"""The script that makes the golden files needs PyTorch, and is no test."""

collect_ignore = ["make_golden.py"]
