"""Programs that are sent to hosts and run there, with the standard library alone, from Python 3.8 on."""
