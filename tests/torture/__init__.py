"""Everything around Holdfast dies, and its promises are checked against what its clients saw."""
