"""The list of entries: found by words and qualifiers, counted by what they wait for, changed many at once; and how new ones come in."""
