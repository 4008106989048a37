"""The hosts of an inventory: how Ansible resolves them, what is wrong with them, and on which line."""
