"""Limits of hosts are compared with the number of users before a study starts."""

from harness.balancers import nginx
from harness.deploy import host_limits

NGINX = "worker_processes auto;\nevents {\n    worker_connections 768;\n}\n"
ALLOWED = host_limits.BalancerConnections(1536, 2, "nginx_lb_worker_connections")


def test_connections_follow_from_nginx_configuration() -> None:
    assert nginx.NGINX.max_connections(NGINX, cores=2) == 1536
    assert nginx.NGINX.max_connections(NGINX.replace("auto", "1"), cores=4) == 768
    assert nginx.NGINX.max_connections("", cores=2) is None


def test_a_generators_files_and_ports_are_read() -> None:
    assert host_limits.parse("1048576\n32768\t60999\n") == host_limits.HostLimits(1048576, 28232)
    assert host_limits.parse("") == host_limits.HostLimits(None, None)
    assert host_limits.parse("unlimited\n1 2\n") == host_limits.HostLimits(None, None)


def test_limits_below_the_number_of_users_are_reported() -> None:
    roomy = host_limits.HostLimits(1_000_000, 28_232)
    assert host_limits.warnings(700, 1, [ALLOWED], roomy) == []
    assert "1,536 connections, but 1,000 users need up to 2,000" in host_limits.warnings(1000, 1, [ALLOWED], roomy)[0]
    assert "allows 1,024 open files" in host_limits.warnings(1000, 1, [], host_limits.HostLimits(1024, None))[0]
    assert "28,232 local ports, but 30,000 users" in host_limits.warnings(30_000, 1, [], roomy)[0]
    assert host_limits.warnings(30_000, 2, [], roomy) == []


def test_e11_burstable_hosts_need_unlimited_credits() -> None:
    messages = host_limits.burstable(
        [("a", "t3.small", ""), ("b", "t3.small", "unlimited"), ("c", "c6i.large", ""), ("d", "", "")]
    )
    assert len(messages) == 1
    assert messages[0].startswith("a: t3.small is burstable")
