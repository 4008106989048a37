# `make test` sets up what it needs and runs everything; CI calls exactly that.
PYTHON ?= python3
BIN := .venv/bin
# The fleet takes longest: what runs next to it gets the CPU that it leaves.
NICE := nice -n 10

.PHONY: test readmes quick images machines fleet lab processes measured test-ngrinder test-long setup lint unit integration lock benchmarks sample golden

# What measures nothing runs at the same time; then, alone, what measures.
test: setup
	$(MAKE) --no-print-directory --jobs=4 --output-sync=target fleet lab quick lint processes
	$(MAKE) --no-print-directory measured

# The images of the lab.
images: setup
	$(BIN)/ansible-playbook playbooks/build-images.yml

# The rehearsal fleet's machines, bare.
machines: images
	$(BIN)/ansible-playbook -i inventory/rehearsal playbooks/rehearsal-down.yml
	$(BIN)/ansible-playbook -i inventory/rehearsal playbooks/rehearsal-up.yml

fleet: machines
	HOSTS=keep $(BIN)/python -m pytest --durations=15 -m "concurrent and not long" tests/rehearsal

lab: images
	HOSTS=keep $(BIN)/python -m pytest --durations=15 -m "concurrent and not long" tests/integration tests/collection

# Programs of this machine, and the simulated EC2.
processes: setup
	$(NICE) $(BIN)/python -m pytest --durations=15 tests/processes tests/ec2

measured: setup
	HOSTS=use $(BIN)/python -m pytest --durations=15 -m "not long and not concurrent" tests/integration tests/rehearsal

# What needs no Docker; with TEST=tests/unit/grid or TEST=FILE::NAME that alone, and nothing is set up but .venv.
ifdef TEST
quick:
	$(PYTHON) -m harness.bootstrap --dev
	$(BIN)/python -m pytest $(TEST)
else
quick: setup
	$(NICE) $(BIN)/python -m pytest --numprocesses=auto --durations=15 tests/unit tests/browser
endif

setup:
	$(PYTHON) -m harness.bootstrap --dev
	$(BIN)/python -m harness.deploy.readiness
	command -v chromium >/dev/null && command -v docker-registry >/dev/null || $(BIN)/ansible-playbook -i localhost, playbooks/prepare-tests.yml

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(NICE) $(BIN)/mypy
	$(NICE) $(BIN)/ansible-lint

unit: setup
	$(BIN)/python -m pytest --numprocesses=auto tests/unit

integration: setup
	$(BIN)/python -m pytest tests/integration

# The tests of nGrinder against a real controller: make test-ngrinder WAR=/path/ngrinder-controller-3.5.9-p1.war
test-ngrinder: setup
	NGRINDER_WAR=$(abspath $(WAR)) $(BIN)/python -m pytest -m "long or not long" tests/rehearsal/test_ngrinder.py

# What takes minutes more: other releases of Debian, a host that builds its image, a script that gets lost.
test-long: setup
	$(BIN)/python -m pytest -m long

benchmarks: setup
	$(BIN)/python -m benchmarks.speed

# The sample report in docs/ and its pictures, for a release; with STUDY=results/fastapi-scale-out-... from that study.
sample: setup
	$(BIN)/python -m benchmarks.sample $(STUDY)

# The pages in tests/golden/ that tests compare with; look at every page, then commit them.
golden: setup
	$(BIN)/python -m tests.golden_study

# The tables of variables in the roles' READMEs, from their argument specs.
readmes: setup
	$(BIN)/python -m tests.role_readmes

# Lock again after editing pyproject.toml or a requirements.in.
lock:
	$(BIN)/uv lock
	$(BIN)/uv export --quiet --no-header --frozen --no-dev --format requirements-txt -o requirements/run.txt
	$(BIN)/uv export --quiet --no-header --frozen --format requirements-txt -o requirements/dev.txt
	for name in service/requirements service/requirements-train roles/locust/files/image/requirements; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
	    --custom-compile-command "make lock" $$name.in -o $$name.txt || exit 1; \
	done
