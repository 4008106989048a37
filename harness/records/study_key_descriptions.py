"""The meaning of every key of study.json, as key_descriptions.py has those of trial.json."""

from __future__ import annotations

from harness.records.key_descriptions import Key

STUDY: dict[str, Key] = {
    "format": Key("version of this format, 1; a newer one is rejected"),
    "name": Key("the grid's name"),
    "created_at": Key("first start", "time of day"),
    "kind": Key("`lab`, `rehearsal` or `hosts`"),
    "server_order[][]": Key("servers by block; a topology of m servers has the first m. Empty: the inventory's first"),
    "seed": Key("seed of orders, think times (Locust) and arrivals; from the grid, or drawn at the start"),
    "predicted_idle.blocks": Key(
        "blocks in which predicted-idle cells are measured (rule E16); `null` without any", "blocks"
    ),
    "predicted_idle.cells[].<factor>": Key("each such cell, factor → level"),
    "predicted_idle.capacity_per_s": Key("basis of the prediction: rate of a paced server, in real time", "req/s"),
    "predicted_idle.rates_by_type.<type>": Key("the same by type of server; absent without types", "req/s"),
    "predicted_idle.even_shares": Key("whether each server gets the same share; absent if not, or without types"),
    "predicted_idle.unloaded_s": Key("basis of the prediction: a server's time for a request", "s"),
    "predicted_idle.contradicted[].<factor>": Key(
        "cells that get all blocks because the first ones contradict the prediction; `null` until then"
    ),
    "configuration.format": Key("as `format`"),
    "configuration.grid.…": Key(
        "the grid with all defaults, secrets masked; reads back like a grid file", "as in a grid, with units"
    ),
    "configuration.hosts.<host>.…": Key(
        "participating hosts, with group and role variables in force, secrets masked", "as in the role"
    ),
    "configuration.files.<file>.size": Key("files of traffic and templates, by paths relative to the grid", "bytes"),
    "configuration.files.<file>.sha256": Key("digest of its content; another one makes another study", "SHA-256"),
    "plan[]": Key("every planned trial in its order, as `<cell>/r<k>`"),
    "digests.<trial>": Key("digest over names and contents of a trial's files; `check` compares it", "SHA-256"),
    "environment.machine.cpu": Key("processor of the controlling machine"),
    "environment.machine.cores": Key("its cores", "cores"),
    "environment.machine.memory_gb": Key("its memory", "GB (10⁹)"),
    "environment.machine.kernel": Key("its kernel's release"),
    "environment.machine.system": Key("its operating system"),
    "environment.machine.docker": Key("version of its container engine; empty if the study runs elsewhere"),
    "environment.hosts.<host>.cpu": Key("processor of a host that is a machine of its own"),
    "environment.hosts.<host>.cores": Key("its cores", "cores"),
    "environment.hosts.<host>.memory_gb": Key("its memory", "GB (10⁹)"),
    "environment.hosts.<host>.kernel": Key("its kernel's release"),
    "environment.hosts.<host>.system": Key("its operating system"),
    "environment.hosts.<host>.docker": Key("version of its container engine"),
    "environment.docker": Key("version of the first server's container engine"),
    "environment.python": Key("Python that ran the study"),
    "environment.packages.<package>": Key("versions of the packages that affect the result"),
    "environment.nginx": Key("version that nginx reports"),
    "environment.balancers.<balancer>.version": Key("version that another balancer reports"),
    "environment.balancers.<balancer>.configuration": Key("its whole configuration"),
    "environment.nginx_configuration": Key("the whole configuration, from `nginx -T`"),
    "environment.kernel_settings.<host>.<setting>": Key(
        "settings that limit connections, on balancer and first server", "the kernel's own"
    ),
    "environment.locust": Key("version of the load generator, under its name: `locust` or `ngrinder`"),
    "environment.images.<host>": Key("image by name"),
    "environment.image_digests.<host>[]": Key("image by digest: its own, then those of registries"),
    "environment.base_images.<host>": Key(
        "base of an image built here: the pulled image, or suite and date of packages, and its digest"
    ),
    "environment.image_levels.<image>.<host>[]": Key(
        "digests of the compared images (factor `ml_server_image`) on every server, before the first trial; else empty"
    ),
    "environment.git": Key("commit of the program, and whether files differ from it"),
    "rented.<host>.instance_type": Key("instance type, if the inventory has one"),
    "rented.<host>.usd_per_hour": Key("price, if the inventory has one (`study_usd_per_hour`), also in a lab", "USD/h"),
    "shares.<variable>": Key("lab without paced servers: cores given to each role variable; else `null`", "cores"),
    "time_scaling.factor": Key("factor of all times in the lab; 1 in real time; `null` before it is known"),
    "time_scaling.measured_at": Key("when it was chosen", "time of day"),
    "time_scaling.needed_cores": Key("cores that the planned cells need; `null` for a given factor", "cores"),
    "time_scaling.available_cores": Key("cores that containers get here", "cores"),
    "time_scaling.cpu_ms.<host>": Key("CPU time of a request in the probe", "ms"),
    "ceiling.per_s": Key("maximum of generator and balancer without a server (rule E7); `null` if unknown", "req/s"),
    "ceiling.tries[]": Key("all attempts, of which the largest counts", "req/s"),
    "ceiling.users": Key("requests always in flight while it was measured", "users"),
    "ceiling.measured_at": Key("when it was measured", "time of day"),
    "ceiling.why": Key("why there is none"),
    "evidence_grade.letter": Key(
        "A (all counters), B (some), C (the load generator's only); absent without a valid trial"
    ),
    "evidence_grade.missing[]": Key("missing counters"),
    "evidence_grade.unavailable[]": Key("rules that lack counters, at least in part"),
    "evidence_grade.of_study.<rule>": Key("why a rule of the whole study is not available"),
    "calibration.site": Key("the machines of the last calibration; `calibration` is `null` without one"),
    "calibration.passed": Key("whether it passed"),
    "calibration.text": Key("the result and the truth"),
    "calibration.measured_at": Key("when it was measured", "time of day"),
    "calibration.study": Key("the study"),
    "stopping.min": Key("minimum number of blocks", "blocks"),
    "stopping.max": Key("maximum number of blocks", "blocks"),
    "stopping.until": Key(
        "half width that every watched gain must reach; `null` for a fixed number or a gate", "share"
    ),
    "stopping.earliest": Key("block from which on precision may end the study", "blocks"),
    "stopping.decision.go_on": Key("whether another block is needed; `decision` is `null` until then"),
    "stopping.decision.why": Key("the reason, in words"),
    "stopping.decision.why_sentence.message": Key("as `findings[].cause_sentence` of a trial; `null` in older studies"),
    "stopping.decision.why_sentence.facts.…": Key("as `findings[].cause_sentence.facts`"),
    "stopping.decision.imprecise[]": Key("gains that stayed too wide"),
    "runs[].started_at": Key("each call that began to deploy or measure, updated while it runs", "time of day"),
    "runs[].duration_s": Key("duration; of a killed call up to its last recorded trial", "s"),
    "runs[].measured": Key("trials that it measured", "trials"),
    "runs[].moved[]": Key("hosts whose address changed since the previous run; absent without any"),
}
