"""The study: turns a grid of topologies and loads into evidence about scaling.

docs/glossary.md defines the terms.

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
