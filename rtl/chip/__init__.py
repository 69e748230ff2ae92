"""Several tiles that share the work: links, collectives, chip."""
