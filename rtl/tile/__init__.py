"""The streaming tile: lanes, vector unit, sequencer and its program format."""
