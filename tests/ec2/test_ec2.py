"""The lifecycle of a fleet: renting, inspection, removal."""

import base64
import json
import os
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.deploy import connections
from harness.deploy.inventory import hosts, resolve, snapshot
from tests.ec2 import cloud as aws
from tests.ec2.conftest import account, play, running, tags
from tests.integration.conftest import ROOT, changed

# Characters that EC2 allows in names and descriptions of security groups, and in tags (moto allows all).
GROUPS_TEXT = set(string.ascii_letters + string.digits + " ._-:/()#,@[]+=&;{}!$*")
TAGS_TEXT = set(string.ascii_letters + string.digits + " +-=._:/@")


@pytest.fixture(scope="session")
def launches(cloud: dict[str, Any]) -> list[int]:
    """Rent the fleet; the number of machines of each request."""
    before = len(aws.launched)
    done = play("ec2-up", cloud)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return list(aws.launched[before:])


@pytest.fixture(scope="session")
def rented(cloud: dict[str, Any], launches: list[int]) -> dict[str, Any]:
    """The variables of the rented fleet."""
    assert launches
    return cloud


@pytest.mark.usefixtures("rented")
def test_the_fleet_has_the_requested_types_and_requires_a_metadata_token() -> None:
    found = running()
    assert sorted(found) == ["balancer", "generator", "server-1", "server-2", "server-3"]
    assert {found[f"server-{n}"]["InstanceType"] for n in (1, 2, 3)} == {"c7i.large"}
    assert found["generator"]["InstanceType"] == "c7i.xlarge"
    for machine in found.values():
        assert tags(machine)["scale-out-study"] == "mine"
        options = machine["MetadataOptions"]
        assert (options["HttpEndpoint"], options["HttpTokens"]) == ("enabled", "required")
        assert options["HttpPutResponseHopLimit"] == 1


@pytest.mark.usefixtures("rented")
def test_every_name_description_and_tag_is_valid_for_ec2() -> None:
    with account() as client:
        mine = [{"Name": "tag:scale-out-study", "Values": ["mine"]}]
        (group,) = client.describe_security_groups(Filters=mine)["SecurityGroups"]
        placed = client.describe_placement_groups()["PlacementGroups"]
        pages = client.describe_instances(Filters=mine)["Reservations"]
        volumes = client.describe_volumes(Filters=mine)["Volumes"]
    rules = [*group["IpPermissions"], *group["IpPermissionsEgress"]]
    described = [entry.get("Description", "") for r in rules for entry in (*r["IpRanges"], *r["UserIdGroupPairs"])]
    assert {"SSH", "traffic of the study"} <= set(described)
    for text in (group["GroupName"], group["Description"], *(one["GroupName"] for one in placed), *described):
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
def test_the_security_group_allows_ssh_from_one_address_and_traffic_inside() -> None:
    with account() as client:
        groups = client.describe_security_groups(Filters=[{"Name": "tag:scale-out-study", "Values": ["mine"]}])
    (group,) = groups["SecurityGroups"]
    from_outside = [r for rule in group["IpPermissions"] for r in rule["IpRanges"]]
    assert [r["CidrIp"] for r in from_outside] == ["192.0.2.7/32"]
    inside = [p["GroupId"] for rule in group["IpPermissions"] for p in rule["UserIdGroupPairs"]]
    assert inside == [group["GroupId"]]
    assert not any(rule["Ipv6Ranges"] for rule in group["IpPermissions"])


@pytest.mark.usefixtures("rented")
def test_machines_power_off_and_leave_no_disk() -> None:
    with account() as client:
        for machine in running().values():
            of = {"InstanceId": machine["InstanceId"]}
            shutdown = client.describe_instance_attribute(Attribute="instanceInitiatedShutdownBehavior", **of)
            assert shutdown["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
            data = client.describe_instance_attribute(Attribute="userData", **of)["UserData"]["Value"]
            script = base64.b64decode(data).decode()
            assert "+ 7200)) > /var/lib/scale-out/ends_at" in script
            assert "+ 12000)) > /var/lib/scale-out/latest" in script  # 2 USD at 0.6 USD/h
        volumes = client.describe_volumes(Filters=[{"Name": "tag:scale-out-study", "Values": ["mine"]}])["Volumes"]
    assert {(v["VolumeType"], v["Encrypted"], v["Size"]) for v in volumes} == {("gp3", True, 16)}
    assert {a["Device"] for v in volumes for a in v["Attachments"]} == {"/dev/xvda"}
    disks = [mapping["Ebs"] for machine in running().values() for mapping in machine["BlockDeviceMappings"]]
    assert [disk["DeleteOnTermination"] for disk in disks] == [True] * 5


@pytest.mark.long
def test_a_second_run_rents_nothing(rented: dict[str, Any]) -> None:
    before = list(aws.launched)
    done = play("ec2-up", rented)
    assert done.returncode == 0, done.stdout[-3000:]
    assert changed(done.stdout) == 0
    assert len(running()) == 5
    assert aws.launched == before


@pytest.mark.long
def test_check_mode_on_a_rented_fleet_reports_no_change(rented: dict[str, Any]) -> None:
    before = list(aws.launched)
    checked = play("ec2-up", rented, "--check")
    assert checked.returncode == 0, checked.stdout[-3000:]
    assert "Would rent nothing" in " ".join(checked.stdout.split())
    assert changed(checked.stdout) == 0
    assert aws.launched == before


def test_each_role_was_launched_by_one_request(launches: list[int]) -> None:
    assert launches == [1, 3, 1]


def test_the_dynamic_inventory_gives_groups_addresses_user_and_price(rented: dict[str, Any]) -> None:
    where = Path(rented["ec2_fleet_inventory"])
    assert (where / "group_vars").resolve() == ROOT / "inventory" / "ec2" / "group_vars"
    tagged = {"Key": "scale-out-credits", "Value": "{{ 1 + 1 }}"}
    with account() as client:
        client.create_tags(Resources=[running()["balancer"]["InstanceId"]], Tags=[tagged])
        found = resolve.describe(ROOT, snapshot.take(ROOT, where), "the fleet's")
        client.create_tags(Resources=[running()["balancer"]["InstanceId"]], Tags=[{**tagged, "Value": "unlimited"}])
    assert found.balancer.variables["study_cpu_credits"] == "{{ 1 + 1 }}"  # a tag is never a template
    assert [host.name for host in found.servers] == ["server-1", "server-2", "server-3"]
    machines = running()
    for host in found.hosts:
        assert host.variables["private_ip"] == machines[host.name]["PrivateIpAddress"]
        assert host.variables["ansible_host"] == machines[host.name]["PublicIpAddress"]
        assert host.variables["ansible_user"] == "admin"
        assert host.variables["study_usd_per_hour"] == (0.2 if host.name == "generator" else 0.1)
    used = subprocess.run(
        [*connections.ssh_command(found.balancer), "-G", "x"], capture_output=True, text=True, check=True, timeout=20
    )
    assert f"\nuserknownhostsfile {rented['ec2_fleet_known_hosts']}\n" in used.stdout
    assert "\nstricthostkeychecking accept-new\n" in used.stdout


def test_the_cost_of_a_plan_comes_from_the_tags(rented: dict[str, Any]) -> None:
    where = rented["ec2_fleet_inventory"]
    command = [sys.executable, "study.py", "plan", "--json", "--grid", "grids/article.yaml", "--inventory", where]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["estimate_usd"] == pytest.approx(0.6 * plan["estimate_s"] / 3600, abs=0.01)


def test_the_static_example_is_a_complete_inventory() -> None:
    found = resolve.describe(ROOT, ROOT / "inventory" / "ec2", "inventory/ec2")
    assert found.kind == "hosts"
    assert [host.variables["private_ip"] for host in found.servers] == ["10.0.1.11", "10.0.1.12", "10.0.1.13"]
    assert tuple(dict.fromkeys(host.group for host in found.hosts)) == hosts.GROUPS


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ec2_fleet_ssh_from": "0.0.0.0/0"}, "ec2_fleet_ssh_from is not a single address (got 0.0.0.0/0)"),
        ({"ec2_fleet_hours": 24}, "24 h of this fleet cost 14.40 USD"),
        pytest.param({"ec2_fleet_subnet_id": ""}, "explains where to find each value", marks=pytest.mark.long),
    ],
)
def test_an_open_or_too_expensive_fleet_is_not_rented(cloud: dict[str, Any], wrong: dict[str, Any], words: str) -> None:
    before = len(running())
    done = play("ec2-up", {**cloud, **wrong})
    assert done.returncode != 0
    assert words in done.stdout
    assert len(running()) == before


def hosts_of(path: Path, **environment: str) -> dict[str, dict[str, Any]]:
    """Return the hosts of an inventory with their variables, without Ansible's marks for unsafe values."""
    hosts: dict[str, Any] = json.loads(inventory_of(path, **environment).stdout)["_meta"]["hostvars"]
    return {
        host: {
            name: v["__ansible_unsafe"] if isinstance(v, dict) and "__ansible_unsafe" in v else v
            for name, v in variables.items()
        }
        for host, variables in hosts.items()
    }


def inventory_of(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Resolve an inventory with Ansible."""
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(path), "--list"]
    variables = {**os.environ, **environment}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400, env=variables)


@pytest.mark.long
def test_two_fleets_in_one_account_are_separate(rented: dict[str, Any], tmp_path: Path) -> None:
    one = [{"name": "server-1", "role": "ml_servers"}, {"name": "late", "role": "ml_servers"}]
    other = {
        "ec2_fleet_study": "other", "ec2_fleet_machines": one, "ec2_fleet_inventory": str(tmp_path / "inventory"),
        "ec2_fleet_usd_per_hour": {}, "ec2_fleet_budget_usd": 0,
    }  # fmt: skip
    with account() as client:
        before = {m["InstanceId"] for m in running().values()}
        done = play("ec2-up", {**rented, **other})
        assert done.returncode == 0, done.stdout[-3000:]
        found = hosts_of(tmp_path / "inventory")
        assert set(found) == {"late", "server-1"}
        new = {host["aws_instance_id"] for host in found.values()}
        assert not new & before
        assert "study_usd_per_hour" not in found["late"]
        assert len(hosts_of(Path(rented["ec2_fleet_inventory"]))) == 5
        by_hand = hosts_of(ROOT / "inventory" / "ec2_dynamic", AWS_REGION=aws.REGION, EC2_FLEET_STUDY="other")
        assert set(by_hand) == {"late", "server-1"}
        # The owner has stopped one machine. The role must start it instead of renting another one.
        client.stop_instances(InstanceIds=[found["late"]["aws_instance_id"]])
        # The owner's address has changed, too.
        again = play("ec2-up", {**rented, **other, "ec2_fleet_ssh_from": "192.0.2.8/32"})
        assert again.returncode == 0, again.stdout[-3000:]
        mine_only = [{"Name": "tag:scale-out-study", "Values": ["other"]}]
        (group,) = client.describe_security_groups(Filters=mine_only)["SecurityGroups"]
        assert [r["CidrIp"] for rule in group["IpPermissions"] for r in rule["IpRanges"]] == ["192.0.2.8/32"]
        assert {m["InstanceId"] for m in running().values()} | before == new | before
    done = play("ec2-down", {**rented, **other})
    assert done.returncode == 0, done.stdout[-3000:]
    assert {m["InstanceId"] for m in running().values()} == before


def test_the_inventory_for_any_fleet_has_no_hidden_default(cloud: dict[str, Any]) -> None:
    assert cloud
    for missing, environment in (("AWS_REGION", {"EC2_FLEET_STUDY": "x"}), ("EC2_FLEET_STUDY", {"AWS_REGION": "x"})):
        done = inventory_of(ROOT / "inventory" / "ec2_dynamic", **environment)
        assert missing in done.stderr


@pytest.mark.long
def test_a_failure_while_renting_terminates_the_new_machines(rented: dict[str, Any], tmp_path: Path) -> None:
    """EC2 rejects the generator's type in a placement group, after the other machines were rented."""
    before, launched = running(), len(aws.launched)
    types = {"load_balancers": "c7i.large", "ml_servers": "c7i.large", "load_generators": "t3.small"}
    new = {"ec2_fleet_types": types, "ec2_fleet_inventory": str(tmp_path), "ec2_fleet_study": "broken"}
    done = play("ec2-up", {**rented, **new})
    output = " ".join(done.stdout.split())
    assert done.returncode != 0
    assert "Renting failed. launch | Launch the instances" in output
    assert "Cluster placement groups are not supported" in output
    assert "All resources with the tag scale-out-study=broken were removed." in output
    assert len(aws.launched) - launched == 2
    assert running() == before
    assert left("broken") == []
    more = {"name": "generator-2", "role": "load_generators"}
    machines = [{"name": name, "role": tags(machine)["scale-out-role"]} for name, machine in before.items()]
    done = play("ec2-up", {**rented, "ec2_fleet_types": types, "ec2_fleet_machines": [*machines, more]})
    assert done.returncode != 0
    assert "the 5 earlier machines remain" in " ".join(done.stdout.split())
    assert running() == before


@pytest.mark.long
def test_only_servers_reach_the_ports_of_dependencies(rented: dict[str, Any], tmp_path: Path) -> None:
    machines = [("balancer", "load_balancers"), ("server-1", "ml_servers"), ("db", "dependencies")]
    other = {
        "ec2_fleet_study": "shared",
        "ec2_fleet_machines": [{"name": name, "role": role} for name, role in machines],
        "ec2_fleet_types": {role: "c7i.large" for _, role in machines},
        "ec2_fleet_dependency_ports": [5432, 6432],
        "ec2_fleet_inventory": str(tmp_path / "inventory"),
        "ec2_fleet_usd_per_hour": {},
        "ec2_fleet_budget_usd": 0,
    }
    done = play("ec2-up", {**rented, **other})
    assert done.returncode == 0, done.stdout[-3000:]
    with account() as client:
        mine = [{"Name": "tag:scale-out-study", "Values": ["shared"]}]
        groups = {g["GroupName"]: g for g in client.describe_security_groups(Filters=mine)["SecurityGroups"]}
        pages = client.describe_instances(Filters=mine)["Reservations"]
    of = {tags(m)["Name"]: {g["GroupName"] for g in m["SecurityGroups"]} for page in pages for m in page["Instances"]}
    assert of == {
        "balancer": {"scale-out-shared"},
        "server-1": {"scale-out-shared", "scale-out-shared-servers"},
        "db": {"scale-out-shared-dependencies"},
    }
    rules = groups["scale-out-shared-dependencies"]["IpPermissions"]
    opened = {(r["FromPort"], pair["GroupId"]) for r in rules for pair in r["UserIdGroupPairs"]}
    servers = groups["scale-out-shared-servers"]
    assert opened == {(port, servers["GroupId"]) for port in (5432, 6432)}
    assert {(r["FromPort"], each["CidrIp"]) for r in rules for each in r["IpRanges"]} == {(22, "192.0.2.7/32")}
    assert servers["IpPermissions"] == []
    found = hosts_of(tmp_path / "inventory")
    assert found["db"]["dependency_address"] == "{{ private_ip }}"
    done = play("ec2-down", {**rented, **other})
    assert done.returncode == 0, done.stdout[-3000:]
    assert left("shared") == []


def left(study: str) -> list[str]:
    """Return the ids of all resources with the tag of a study."""
    mine = [{"Name": "tag:scale-out-study", "Values": [study]}]
    with account() as client:
        pages = client.describe_instances(Filters=mine)["Reservations"]
        found = [m["InstanceId"] for page in pages for m in page["Instances"] if m["State"]["Name"] != "terminated"]
        found += [group["GroupId"] for group in client.describe_security_groups(Filters=mine)["SecurityGroups"]]
        found += [volume["VolumeId"] for volume in client.describe_volumes(Filters=mine)["Volumes"]]
        placed = client.describe_placement_groups()["PlacementGroups"]
    return found + [group["GroupName"] for group in placed if tags(group)["scale-out-study"] == study]


@pytest.mark.long
def test_check_mode_rents_nothing_and_reports_the_plan(rented: dict[str, Any], tmp_path: Path) -> None:
    before = running()
    where = {"ec2_fleet_study": "dry", "ec2_fleet_inventory": str(tmp_path / "inventory")}
    done = play("ec2-up", {**rented, **where}, "--check")
    output = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Would rent balancer, server-1, server-2, server-3, generator: image debian-12-amd64-20240301-1" in output
    assert "for 2 h 1.20 USD" in output
    assert running() == before
    assert left("dry") == []
    assert not (tmp_path / "inventory").exists()


@pytest.mark.long
@pytest.mark.last(1)
def test_down_lists_remaining_resources(rented: dict[str, Any]) -> None:
    with account() as client:
        spec = [{"ResourceType": "volume", "Tags": [{"Key": "scale-out-study", "Value": "mine"}]}]
        of = client.describe_snapshots()["Snapshots"][0]["SnapshotId"]  # moto's empty disks differ from EC2's
        where = f"{aws.REGION}a"
        disk = client.create_volume(AvailabilityZone=where, SnapshotId=of, TagSpecifications=spec)["VolumeId"]
        done = play("ec2-down", {**rented, "__ec2_fleet_volume_tries": 1})
        output = " ".join(done.stdout.split())
        assert done.returncode != 0, output
        assert f"scale-out-study=mine remain in eu-central-1 and may cost money: volume {disk}. Fix: run this" in output
        client.delete_volume(VolumeId=disk)


@pytest.mark.last(2)
def test_down_removes_exactly_the_tagged_resources(rented: dict[str, Any]) -> None:
    with account() as client:
        stranger = client.run_instances(
            ImageId="ami-debian", MinCount=1, MaxCount=1, InstanceType="t3.small",
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "stranger"}]}],
        )["Instances"][0]["InstanceId"]  # fmt: skip
    known = Path(rented["ec2_fleet_known_hosts"])
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text("203.0.113.10 ssh-ed25519 x\n")
    done = play("ec2-down", rented)
    assert done.returncode == 0, done.stdout[-3000:]
    assert [machine["InstanceId"] for machine in running().values()] == [stranger]
    assert left("mine") == []
    assert not Path(rented["ec2_fleet_inventory"]).exists()
    assert not known.exists()


@pytest.mark.last(3)
def test_the_documented_policy_allows_exactly_the_calls_made(cloud: dict[str, Any]) -> None:
    """After the complete lifecycle the sets are equal; if the test runs alone, the policy allows the few calls made."""
    assert cloud
    text = (ROOT / "docs" / "how-to" / "ec2.md").read_text(encoding="utf-8")
    policy = json.loads(text.split("```json")[1].split("```")[0])
    actions = [statement["Action"] for statement in policy["Statement"]]
    allowed = {one for action in actions for one in ([action] if isinstance(action, str) else action)}
    assert aws.calls - allowed <= {"sts:GetCallerIdentity"}  # which needs no permission
    if {"ec2:StartInstances", "ec2:TerminateInstances", "ec2:RevokeSecurityGroupIngress"} <= aws.calls:
        assert allowed - aws.calls == set()
