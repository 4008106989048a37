"""What every container of ours must be held to, asked of the engine and of the processes themselves."""

from __future__ import annotations

from docker.models.containers import Container

# Where each kind of container may write in memory; nothing else of its file system but the image's volumes.
IN_MEMORY = {"ml_servers": {"/tmp"}, "load_balancers": {"/run"}, "load_generators": {"/tmp"}}  # noqa: S108 - theirs
_STATUS = ["sh", "-c", "grep -hE '^(Uid|CapBnd|CapEff|NoNewPrivs):' /proc/[0-9]*/status"]


def freedoms(container: Container, group: str, own_user: bool = True) -> list[str]:
    """What a container may do that it should not; empty for a contained one.

    Without `own_user` it may be root: a user's own image keeps the user that it names.
    """
    container.reload()
    limits, user = container.attrs["HostConfig"], container.attrs["Config"]["User"]
    tmpfs = {path: set(options.split(",")) for path, options in (limits.get("Tmpfs") or {}).items()}
    wanted = {
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
    done = container.exec_run(_STATUS)
    assert isinstance(done.output, bytes)
    said = [line.split() for line in done.output.decode().splitlines()]
    by_name = {
        name: {word for words in said if words[0] == name for word in words[1:]} for name in ("Uid:", "NoNewPrivs:")
    }
    sets = {int(words[1], 16) for words in said if words[0].startswith("Cap")}
    wanted |= {
        "a process has capabilities": sets == {0},
        "a process may gain privileges": by_name["NoNewPrivs:"] == {"1"},
    }
    if own_user:
        numeric = user.split(":")[0]
        wanted["its user is root or only a name"] = numeric.isdigit() and int(numeric) > 0
        wanted["a process runs as another user"] = by_name["Uid:"] == {numeric}
    return [freedom for freedom, prevented in wanted.items() if not prevented]
