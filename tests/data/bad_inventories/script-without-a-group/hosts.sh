#!/bin/sh
echo '{"load_balancers": {"hosts": ["balancer"]}, "_meta": {"hostvars": {"balancer": {"private_ip": "10.0.1.10"}}}}'
