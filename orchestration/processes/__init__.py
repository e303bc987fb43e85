"""Process trees: started under a shim, read, and ended completely. The shim itself is standard library only."""
