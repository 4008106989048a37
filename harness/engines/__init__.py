"""HTTP clients of traffic engines that Ansible deployed."""
