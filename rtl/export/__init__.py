"""Verilog and its file list."""
