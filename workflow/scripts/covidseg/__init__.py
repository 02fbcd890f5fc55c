"""Segmentation of COVID-19 lung infection in CT with few annotations: five papers, one pipeline."""
