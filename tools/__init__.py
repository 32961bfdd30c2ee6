"""Programs that write files of the package, measure its accuracy or search it for faults."""
