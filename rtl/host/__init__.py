"""Host interface: AXI4-Lite registers, a load stream and a token stream around a tile."""
