"""Run one study: prepare hosts, measure every trial, check and compare recorded studies. See README.md."""
