"""One study carried out: all of the other packages together."""
