"""Synthetic thorax CT, written as the archives that the real hosts serve."""
