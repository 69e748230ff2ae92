"""Device physics: from a magnetic stack or a 6T cell to the time, energy and area of one memory bank.

No clock cycle, no datapath width and no hardware description appears here. Every quantity is an SI float
without prefix, and every number that comes from outside carries its source (see `devicemodels.quantities`).
"""
