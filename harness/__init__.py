"""The study: turns a grid of topologies and loads into evidence about scaling.

One term for one idea, in code, files and report:

study           one grid, carried out; one results directory
factor, level   a varied quantity (`servers`, `vusers` or `rate`, any role variable), and one of its values
cell            one combination of levels
trial           one execution of a cell; a cell has `repeats` trials
block           one pass over the cells in a random order; block k contains repeat k of each cell
sample          one second of one trial: completed, failed, latency, active users
topology        the servers behind the balancer: their number and settings
vusers          virtual users of a closed loop: each sends its next request after the last response and a think
                time, uniformly distributed within its mean ± 50 %
rate            requests per second of an open loop, sent at times drawn beforehand, whatever happens to earlier
                requests; latencies start at these times, which avoids coordinated omission
load factor     the one of `vusers` and `rate` that a grid has
load generator  the program that sends the requests: Locust or nGrinder
container engine  Docker
steady window   the part of a trial that counts for means; peak TPS is over the whole trial
server failure  servers that are killed in the middle of a trial, and the failover that follows
gain            TPS of a topology / TPS of the next smaller one at the same load; linear speedup is n2/n1;
                `efficiency` is gain / linear speedup
capacity        largest load of a topology that meets the objectives (p95, error_rate), from trials around it
outcome         result of a trial: ok, warning, server_down, invalid (an evidence rule is broken), failed (could not be
                carried out)
bottleneck      component that limits a cell: load, server, balancer, generator, network, unknown
finding         an evidence rule that fired: figure, threshold, severity, cause, next step

Packages in the order of the data; each imports only earlier ones:

grid       a file → frozen types → cells
records    typed files on disk
deploy     hosts, connections to them, and what is deployed on them
observe    measurements of the hosts
judge      one trial: evidence rules and bottleneck
traffic    load generation
summarise  many trials: cells, gains, capacity, conclusions
plan       order of the trials, and the stopping rule
study      one study, carried out
"""
