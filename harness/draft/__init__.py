"""A first grid from what the user has: an image, an OpenAPI document, a recording, a log, a script, machines."""
