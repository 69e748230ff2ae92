"""Runs hardware: knows rtl's interfaces and a run folder, never the compiler."""
