"""Messages from tasks: the cause of a failure, and progress while a task waits."""

from harness.deploy import task_results


def test_a_complete_report_of_a_role_is_not_explained_again() -> None:
    """A quoted log with "Connection refused" is not an error of SSH."""
    report = "server-1: container mine ended with exit code 1. Its last lines: Connection refused."
    assert (
        task_results.failure("server-1", "ready", {"res": {"msg": f"Task failed: Action failed: {report}"}}) == report
    )
    message = task_results.failure("server-1", "look", {"res": {"msg": "ssh: Connection refused"}})
    assert message.startswith("server-1: it cannot be reached through SSH")


def test_a_command_that_cannot_be_started_names_the_variables() -> None:
    reason = 'OCI runtime create failed: runc create failed: exec: "serve": executable file not found in $PATH: unknown'
    words = task_results.failure(
        "server-1", "service | Run the container", {"res": {"msg": f"Error starting: {reason}"}}
    )
    assert "ml_server_command" in words
    assert "ml_server_entrypoint" in words


def test_retries_are_reported_once_in_eight_seconds() -> None:
    retries = task_results.RetryMessages()
    event = {"res": {"stdout": "GET /readyz: connection refused;\nlast line: loading"}}
    messages = [retries.message("server-1", event, now_s) for now_s in (0.0, 1.0, 7.9, 8.0, 9.0, 100.0)]
    assert [bool(message) for message in messages] == [True, False, False, True, False, True]
    assert messages[0] == "waiting for server-1: GET /readyz: connection refused; last line: loading"
    assert retries.message("server-1", {"res": {}}, 200.0) == ""


PULL = {"res": {"msg": "Error pulling image mine:1 - no such host"}}


def report(host: str) -> dict[str, dict[str, str]]:
    return {"res": {"msg": f"{host}: image mine:1 is not in its registry. Fix: push it."}}


def test_equal_failures_are_one_message_with_all_hosts() -> None:
    found = task_results.Failures()
    for number in (10, 2, 1):
        found.add(f"server-{number}", "Pull missing images", PULL)
    found.add("balancer", "Start nginx", {"res": {"msg": "no such file"}})
    assert found.messages() == [
        "server-1, server-2, server-10: Pull missing images: Error pulling image mine:1 - no such host",
        "balancer: Start nginx: no such file",
    ]


def test_a_long_list_of_hosts_is_cut() -> None:
    found = task_results.Failures()
    for number in range(30):
        found.add(f"web-{number:02}", "Pull missing images", PULL)
    (message,) = found.messages()
    assert message.startswith("web-00, web-01, web-02, web-03, web-04, web-05, web-06, web-07 and 22 more: Pull")


def test_the_report_of_a_role_replaces_the_failure_that_it_explains() -> None:
    found = task_results.Failures()
    hosts = ("server-1", "server-2")
    for host in hosts:
        found.add(host, "images", PULL)
    for host in hosts:
        found.add(host, "images", report(host))
    assert found.messages() == ["server-1, server-2: image mine:1 is not in its registry. Fix: push it."]


def test_rescued_failures_are_dropped() -> None:
    found = task_results.Failures()
    found.add("server-1", "images", PULL)
    found.add("server-2", "start", {"res": {"msg": "no such file"}})
    found.keep(["server-2"])
    assert found.messages() == ["server-2: start: no such file"]
    found.keep([])
    assert not found
