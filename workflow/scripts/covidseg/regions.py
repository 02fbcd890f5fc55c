"""The regions that data sets label, and their names in print."""

LESIONS = ("lesion", "infection")  # an infection is a lesion; the COVID-19 data sets use the narrower word
TITLES = {"left_lung": "Left lung", "right_lung": "Right lung", "infection": "Infection", "lesion": "Lesion"}
