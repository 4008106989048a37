#!/bin/sh
cat <<'END'
{"load_balancers": {"hosts": ["balancer"]}, "ml_servers": {"hosts": ["server-1"]}, "load_generators": {"hosts": ["generator"]},
 "_meta": {"hostvars": {"balancer": {"ansible_host": "203.0.113.10", "private_ip": "10.0.1.10"},
  "server-1": {"ansible_host": "203.0.113.11", "private_ip": "127.0.0.1"},
  "generator": {"ansible_host": "203.0.113.20", "private_ip": "10.0.1.20"}}}}
END
