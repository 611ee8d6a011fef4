"""Checkers decide from a recorded history whether the promises were kept, in O(n log n)."""
