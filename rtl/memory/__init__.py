"""Memory ports, error correction and behavioural macros."""
