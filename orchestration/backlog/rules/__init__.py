"""Pure decisions about entries: where one goes next, and the ways in which it is done."""
