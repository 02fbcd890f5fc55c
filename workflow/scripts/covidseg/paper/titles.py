"""The names of the regions in tables and figures."""

TITLES = {"left_lung": "Left lung", "right_lung": "Right lung", "infection": "Infection", "lesion": "Lesion"}
