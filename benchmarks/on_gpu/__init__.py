"""The parts of gpu.py: what is measured on a GPU, and how."""
