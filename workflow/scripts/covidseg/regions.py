"""The regions that data sets label, and the names of the regions in tables and figures."""

LESIONS = ("lesion", "infection")  # an infection is a lesion; the COVID-19 data sets use the narrower word
LUNGS = ("left_lung", "right_lung")
TITLES = {"left_lung": "Left lung", "right_lung": "Right lung", "infection": "Infection", "lesion": "Lesion"}
