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
