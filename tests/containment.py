"""Restrictions of each container of this project, as its container engine and its processes report them."""

from __future__ import annotations

from docker.models.containers import Container

# Group of containers → paths of its tmpfs. Beyond these it may write only to the image's volumes.
IN_MEMORY = {"ml_servers": {"/tmp"}, "load_balancers": {"/run"}, "load_generators": {"/tmp"}}  # noqa: S108 - theirs
_STATUS = ["sh", "-c", "grep -hE '^(Uid|CapBnd|CapEff|NoNewPrivs):' /proc/[0-9]*/status"]


def printed(container: Container, command: list[str]) -> bytes:
    """Return the output of a command that prints something and changes nothing.

    The engine can lose the output of a short command (moby issue 27289), which then runs again.
    """
    for _ in range(5):
        code, output = container.exec_run(command)
        assert isinstance(output, bytes)
        assert code == 0, output
        if output:
            return output
    raise AssertionError(f"{command} printed nothing")


def freedoms(container: Container, group: str, own_user: bool = True) -> list[str]:
    """Return the restrictions that a container lacks, in words; empty if it has all.

    Without `own_user` it may run as root, because a user's own image keeps the user that it names.
    """
    container.reload()
    limits, user = container.attrs["HostConfig"], container.attrs["Config"]["User"]
    tmpfs = {path: set(options.split(",")) for path, options in (limits.get("Tmpfs") or {}).items()}
    required = {
        "it keeps capabilities": limits["CapDrop"] == ["ALL"] and not limits["CapAdd"] and not limits["Privileged"],
        "it may gain privileges": limits["SecurityOpt"] == ["no-new-privileges:true"],
        "it may write to its root file system": limits["ReadonlyRootfs"],
        "its tmpfs are others": set(tmpfs) == IN_MEMORY[group],
        "a tmpfs has no size or no mode": all(
            {"size", "mode"} <= {option.split("=")[0] for option in options} for options in tmpfs.values()
        ),
        "its memory has no limit": limits["Memory"] > 0,
        "it may swap": limits["MemorySwap"] == limits["Memory"],
        "its processes have no limit": (limits["PidsLimit"] or 0) > 0,
        "its log has no limit": {"max-size", "max-file"} <= (limits["LogConfig"]["Config"] or {}).keys(),
        "a folder of the host can be written to": all(
            not mount["RW"] for mount in container.attrs["Mounts"] if mount["Type"] == "bind"
        ),
        "it shares the host's network or processes": "host" not in (limits["NetworkMode"], limits["PidMode"]),
    }
    statuses = [line.split() for line in printed(container, _STATUS).decode().splitlines()]
    by_name = {
        name: {word for words in statuses if words[0] == name for word in words[1:]} for name in ("Uid:", "NoNewPrivs:")
    }
    sets = {int(words[1], 16) for words in statuses if words[0].startswith("Cap")}
    required |= {
        "a process has capabilities": sets == {0},
        "a process may gain privileges": by_name["NoNewPrivs:"] == {"1"},
    }
    if own_user:
        numeric = user.split(":")[0]
        required["its user is root or only a name"] = numeric.isdigit() and int(numeric) > 0
        required["a process runs as another user"] = by_name["Uid:"] == {numeric}
    return [lacking for lacking, restricted in required.items() if not restricted]
