"""The study engine: turns a grid of topologies and loads into evidence about scaling.

One word per idea, in code, files and report:

study           one grid, carried out; one results directory
factor, level   a thing that is varied (`servers`, `vusers` or `rate`, any role variable), one of its
                values
cell            one combination of levels
trial           one execution of a cell; a cell has `repeats` trials
block           one pass over the cells in an order that is drawn; block k holds repeat k of each
sample          one second of one trial: completed, failed, latency, active users
topology        what stands behind the balancer: how many servers and how they are set
vusers          virtual users, each sending its next request after the last answer and a think time
                drawn uniformly from its mean ± 50 % (closed loop)
rate            requests per second that leave at moments drawn beforehand, whatever becomes of those
                before (open load); a latency counts from that moment
load factor     the one of `vusers` and `rate` that a grid has
traffic engine  the program that plays the users
steady window   the part of a trial that counts for means; peak TPS is over the whole trial
loss            servers stopped on purpose in the middle of a trial (`fail_servers`), and what that costs
gain            TPS of a topology / TPS of the next smaller one at the same load; `step ideal` is
                n2/n1; `efficiency` is gain / step ideal
capacity        largest load of a topology that meets the objectives (p95, error_rate), by trials around it
outcome         what became of a trial: ok, warning, server_down, invalid (an evidence rule
                broken), failed (could not be carried out)
bottleneck         what limited a cell: load, server, balancer, generator, network, unknown
finding         an evidence rule that spoke: figure, threshold, severity, cause, next step

The way of the data is the list of packages; each may import those before it:

grid       a file → frozen types → cells
records    what is on disk, typed
deploy     hosts, ways to them, what is brought there
observe    what hosts say
judge      one trial: evidence rules and bottleneck
traffic    who plays the users
summarise  many trials: cells, gains, what may be said
plan       what is measured next
study      one study, carried out
"""
