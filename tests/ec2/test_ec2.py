"""A fleet's life: rented, looked at, given back."""

import string
from typing import Any

import pytest

from harness import inventory, setting
from tests.ec2.conftest import account, play, running, tags
from tests.integration.conftest import ROOT, changed

# What EC2 takes in the name and the description of a security group and of its rules, and in tags (moto takes all).
GROUPS_TEXT = set(string.ascii_letters + string.digits + " ._-:/()#,@[]+=&;{}!$*")
TAGS_TEXT = set(string.ascii_letters + string.digits + " +-=._:/@")


@pytest.fixture(scope="module")
def rented(cloud: dict[str, Any]) -> dict[str, Any]:
    done = play("ec2-up", cloud)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return cloud


@pytest.mark.usefixtures("rented")
def test_the_fleet_has_its_roles_types_and_metadata_with_a_token_only() -> None:
    found = running()
    assert sorted(found) == ["balancer", "generator", "server-1", "server-2", "server-3"]
    assert {found[f"server-{n}"]["InstanceType"] for n in (1, 2, 3)} == {"c7i.large"}
    assert found["generator"]["InstanceType"] == "c7i.xlarge"
    for machine in found.values():
        assert tags(machine)["scale-out-study"] == "mine"
        said = machine["MetadataOptions"]
        assert (said["HttpEndpoint"], said["HttpTokens"], said["HttpPutResponseHopLimit"]) == ("enabled", "required", 1)


@pytest.mark.usefixtures("rented")
def test_ec2_would_take_every_name_description_and_tag() -> None:
    with account() as client:
        mine = [{"Name": "tag:scale-out-study", "Values": ["mine"]}]
        (group,) = client.describe_security_groups(Filters=mine)["SecurityGroups"]
        placed = client.describe_placement_groups()["PlacementGroups"]
        pages = client.describe_instances(Filters=mine)["Reservations"]
        volumes = client.describe_volumes(Filters=mine)["Volumes"]
    rules = [*group["IpPermissions"], *group["IpPermissionsEgress"]]
    said = [entry.get("Description", "") for r in rules for entry in (*r["IpRanges"], *r["UserIdGroupPairs"])]
    assert {"SSH", "traffic of the study"} <= set(said)
    for text in (group["GroupName"], group["Description"], *(one["GroupName"] for one in placed), *said):
        assert set(text) <= GROUPS_TEXT, text
        assert len(text) <= 255
    tagged = [group, *placed, *volumes, *(machine for page in pages for machine in page["Instances"])]
    assert len(tagged) == 1 + 1 + 5 + 5
    for resource in tagged:
        assert tags(resource)["scale-out-study"] == "mine"
        for key, value in tags(resource).items():
            assert set(key + value) <= TAGS_TEXT, (key, value)
            assert len(key) <= 128
            assert len(value) <= 256
            assert not key.startswith("aws:")


@pytest.mark.usefixtures("rented")
def test_the_security_group_opens_ssh_to_one_address_and_all_else_to_itself() -> None:
    with account() as client:
        groups = client.describe_security_groups(Filters=[{"Name": "tag:scale-out-study", "Values": ["mine"]}])
    (group,) = groups["SecurityGroups"]
    from_outside = [r for rule in group["IpPermissions"] for r in rule["IpRanges"]]
    assert [r["CidrIp"] for r in from_outside] == ["192.0.2.7/32"]
    inside = [p["GroupId"] for rule in group["IpPermissions"] for p in rule["UserIdGroupPairs"]]
    assert inside == [group["GroupId"]]
    assert not any(rule["Ipv6Ranges"] for rule in group["IpPermissions"])


def test_a_second_run_rents_nothing(rented: dict[str, Any]) -> None:
    done = play("ec2-up", rented)
    assert changed(done.stdout) == 0
    assert len(running()) == 5


@pytest.mark.usefixtures("rented")
def test_the_dynamic_inventory_gives_groups_and_both_addresses() -> None:
    found = setting.describe(ROOT, ROOT / "inventory" / "ec2_dynamic", "inventory/ec2_dynamic")
    assert [host.name for host in found.servers] == ["server-1", "server-2", "server-3"]
    machines = running()
    for host in found.hosts:
        assert host.variables["private_ip"] == machines[host.name]["PrivateIpAddress"]
        assert host.variables["ansible_host"] == machines[host.name]["PublicIpAddress"]
        assert host.variables["ansible_user"] == "admin"


def test_the_static_example_is_a_whole_inventory() -> None:
    found = setting.describe(ROOT, ROOT / "inventory" / "ec2", "inventory/ec2")
    assert found.kind == "hosts"
    assert [host.variables["private_ip"] for host in found.servers] == ["10.0.1.11", "10.0.1.12", "10.0.1.13"]
    assert tuple(dict.fromkeys(host.group for host in found.hosts)) == inventory.GROUPS
    setting.check_addresses(ROOT / "inventory" / "ec2", found)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ec2_fleet_ssh_from": "0.0.0.0/0"}, "give the one address that you come from"),
        ({"ec2_fleet_hours": 24}, "24 h of this fleet cost 14.40 USD"),
        ({"ec2_fleet_subnet_id": ""}, "docs/ec2.md tells where each is found"),
    ],
)
def test_what_would_be_open_or_too_dear_is_not_rented(cloud: dict[str, Any], wrong: dict[str, Any], words: str) -> None:
    before = len(running())
    done = play("ec2-up", {**cloud, **wrong})
    assert done.returncode != 0
    assert words in done.stdout
    assert len(running()) == before


def test_down_takes_what_carries_the_tag_and_nothing_else(rented: dict[str, Any]) -> None:
    with account() as client:
        stranger = client.run_instances(
            ImageId="ami-debian", MinCount=1, MaxCount=1, InstanceType="t3.small",
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "stranger"}]}],
        )["Instances"][0]["InstanceId"]  # fmt: skip
    done = play("ec2-down", rented)
    assert done.returncode == 0, done.stdout[-3000:]
    assert [machine["InstanceId"] for machine in running().values()] == [stranger]
    with account() as client:
        groups = client.describe_security_groups(Filters=[{"Name": "tag:scale-out-study", "Values": ["mine"]}])
    assert groups["SecurityGroups"] == []
