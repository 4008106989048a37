"""The environment of a study in study.json: machines, versions and images."""

from __future__ import annotations

from pydantic import Field

from harness.balancers import registry
from harness.records.part import Maybe, Part


class Machine(Part):
    """Hardware and software of a machine."""

    cpu: str = ""
    cores: int = 0
    memory_gb: float = 0.0
    kernel: str = ""
    system: str = ""
    docker: str = ""  # version of its container engine; for the controlling machine see Environment


class BalancerSoftware(Part):
    """A balancer's version and its whole configuration, as it prints them."""

    version: str = ""
    configuration: str = ""


class Environment(Part):
    """Machines and versions of the measurement. The load generator's version is under its name."""

    machine: Maybe[Machine] = None  # the controlling machine
    hosts: dict[str, Machine] = Field(default_factory=dict)  # of the inventory, if they are other machines
    docker: str = ""
    python: str = ""
    packages: dict[str, str] = Field(default_factory=dict)
    nginx: str = ""  # as `nginx -v` prints it
    nginx_configuration: str = ""
    balancers: dict[str, BalancerSoftware] = Field(default_factory=dict)  # balancers other than nginx
    kernel_settings: dict[str, dict[str, str]] = Field(default_factory=dict)
    images: dict[str, str] = Field(default_factory=dict)
    image_digests: dict[str, list[str]] = Field(default_factory=dict)
    base_images: dict[str, str] = Field(default_factory=dict)  # host → origin and first layer of its image's base
    image_levels: dict[str, dict[str, list[str]]] = Field(default_factory=dict)  # compared images → server → digests
    git: str = ""

    @property
    def of_balancers(self) -> dict[str, BalancerSoftware]:
        """Every balancer of the study by its name."""
        nginx = BalancerSoftware(version=self.nginx, configuration=self.nginx_configuration)
        return {**({"nginx": nginx} if nginx != BalancerSoftware() else {}), **self.balancers}

    @property
    def balancer_versions(self) -> str:
        """Name and version of each balancer, such as nginx/1.26; empty if unknown."""
        found = (registry.BY_NAME[name].version_in(each.version) for name, each in self.of_balancers.items())
        return ", ".join(filter(None, found))

    def version_of(self, load_generator: str) -> str:
        """Return the version of a load generator; empty if the study used another one."""
        return str((self.model_extra or {}).get(load_generator) or "")
