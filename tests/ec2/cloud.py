"""A simulated EC2 account on moto's server, with publishers' images, placement groups and a record of every call.

moto lacks placement groups. They follow the description of the EC2 API: a group in use cannot be deleted, and a missing
group is an error. The images replace moto's; a fleet must select some of them and ignore the others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.models.amis import Ami
from moto.ec2.responses import EC2Response

ACCOUNT, REGION = "123456789012", "eu-central-1"
DEBIAN, CANONICAL, AMAZON = "136693071363", "099720109477", "137112412989"
UBUNTU = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04"
# id, owner, alias, name, architecture, root device, day
IMAGES = (
    ("ami-debian-old", DEBIAN, None, "debian-12-amd64-20240101-1", "x86_64", "/dev/xvda", 1),
    ("ami-debian", DEBIAN, None, "debian-12-amd64-20240301-1", "x86_64", "/dev/xvda", 3),
    ("ami-debian-arm", DEBIAN, None, "debian-12-arm64-20240301-1", "arm64", "/dev/xvda", 3),
    ("ami-backports", DEBIAN, None, "debian-12-backports-amd64-20240401-1", "x86_64", "/dev/xvda", 9),
    ("ami-impostor", "666666666666", None, "debian-12-amd64-20250101-1", "x86_64", "/dev/xvda", 20),
    ("ami-ubuntu", CANONICAL, None, f"{UBUNTU}-amd64-server-20240301", "x86_64", "/dev/sda1", 3),
    ("ami-ubuntu-arm", CANONICAL, None, f"{UBUNTU}-arm64-server-20240301", "arm64", "/dev/sda1", 3),
    ("ami-amazon", AMAZON, "amazon", "al2023-ami-2023.4.20240301.0-kernel-6.1-x86_64", "x86_64", "/dev/xvda", 3),
    ("ami-amazon-arm", AMAZON, "amazon", "al2023-ami-2023.4.20240301.0-kernel-6.1-arm64", "arm64", "/dev/xvda", 3),
    (
        "ami-minimal",
        AMAZON,
        "amazon",
        "al2023-ami-minimal-2023.4.20240401.0-x86_64",
        "x86_64",
        "/dev/xvda",
        9,
    ),
    ("ami-ecs", AMAZON, "amazon", "al2023-ami-ecs-hvm-2023.0.20240401-kernel-6.1-x86_64", "x86_64", "/dev/xvda", 9),
)
OWN = "scale-out-tests"  # user agent of the tests' own client
calls: set[str] = set()  # IAM actions, for example ec2:RunInstances
launched: list[int] = []  # number of instances of each RunInstances


def add_images() -> None:
    """Replace all images of the region with these."""
    backend = ec2_backends[ACCOUNT][REGION]
    backend.amis.clear()
    for name, owner, alias, called, architecture, root, day in IMAGES:
        backend.amis[name] = Ami(
            backend, name, owner_id=owner, owner_alias=alias, name=called, architecture=architecture,
            root_device_name=root, root_device_type="ebs", virtualization_type="hvm", public=True,
            creation_date=datetime(2024, 3, day, tzinfo=UTC), region_name=f"{REGION}a",
        )  # fmt: skip


class CloudError(EC2ClientError):
    """An error of EC2 with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


class PlacementGroups:
    """Placement groups, which moto lacks."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, Any]] = {}
        self.members: dict[str, list[str]] = {}

    def create(self, response: Any) -> ActionResult:
        """CreatePlacementGroup."""
        name = response._get_param("GroupName")
        if name in self.groups:
            raise CloudError("InvalidPlacementGroup.Duplicate", f"The placement group '{name}' already exists.")
        tags = response._parse_tag_specification().get("placement-group", {})
        self.groups[name] = {
            "GroupName": name, "GroupId": f"pg-{len(self.groups)}", "State": "available",
            "Strategy": response._get_param("Strategy"),
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }  # fmt: skip
        return ActionResult({"PlacementGroup": self.groups[name]})

    def describe(self, response: Any) -> ActionResult:
        """DescribePlacementGroups, with an optional filter by name."""
        filters = {given["Name"]: given["Values"] for given in response._get_param("Filters", [])}
        assert set(filters) <= {"group-name"}, filters
        names = filters.get("group-name", list(self.groups))
        return ActionResult({"PlacementGroups": [self.groups[name] for name in names if name in self.groups]})

    def delete(self, response: Any) -> ActionResult:
        """DeletePlacementGroup, which fails while the group has an instance."""
        name = response._get_param("GroupName")
        inside = [i for i in self.members.get(name, []) if response.ec2_backend.get_instance(i).state != "terminated"]
        if inside:
            raise CloudError("InvalidPlacementGroup.InUse", f"The placement group '{name}' is in use.")
        del self.groups[name]
        return ActionResult({})

    def run(self, response: Any, real: Any) -> Any:
        """RunInstances, which fails for a missing group and for types without placement groups."""
        name = response._get_param("Placement.GroupName")
        if name and name not in self.groups:
            raise CloudError("InvalidPlacementGroup.Unknown", f"The placement group '{name}' is unknown.")
        if name and str(response._get_param("InstanceType")).startswith("t"):
            raise CloudError("InvalidParameterCombination", "Cluster placement groups are not supported by this type.")
        done: Any = real(response)
        launched.append(int(response._get_param("MaxCount")))
        if name:
            self.members.setdefault(name, []).extend(instance.id for instance in done.result.instances)
        return done


def extend() -> None:
    """Add placement groups to moto, and record all calls."""
    groups = PlacementGroups()
    run, action = EC2Response.run_instances, BaseResponse.call_action

    def call_action(self: Any) -> Any:
        if OWN not in self.headers.get("User-Agent", ""):
            calls.add(f"{self.service_name}:{self._get_action()}")
        return action(self)

    more: dict[str, Callable[[Any], Any]] = {
        "create_placement_group": groups.create,
        "describe_placement_groups": groups.describe,
        "delete_placement_group": groups.delete,
        "run_instances": lambda self: groups.run(self, run),
    }
    for name, method in more.items():
        setattr(EC2Response, name, _method(method))
    BaseResponse.call_action = call_action  # type: ignore[method-assign]


def _method(do: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a new function, which a class can use as a method."""
    return lambda response: do(response)
