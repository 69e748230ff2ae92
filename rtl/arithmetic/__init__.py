"""Exact integer arithmetic of the tile, golden function and gateware side by side."""
