# `make test` installs everything it needs and runs all tests. CI runs exactly that.
PYTHON ?= python3
BIN := .venv/bin
# The lab and the fleet take longest, so everything next to them has a lower priority.
NICE := nice -n 10
# Otherwise each process of the tests, and each study that they start, would compile all modules of this project again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: test readmes messages reference site quick images machines fleet lab containers processes loads measured test-ngrinder test-long setup lint unit integration lock benchmarks sample golden

# Tests without measurements run in parallel. Tests that measure run alone afterwards.
test: setup
	$(MAKE) --no-print-directory --jobs=6 --output-sync=target lab fleet containers quick lint processes
	$(MAKE) --no-print-directory loads measured

# Build the lab's images.
images: setup
	$(BIN)/ansible-playbook playbooks/build-images.yml

# The bare machines of the rehearsal fleet.
machines: images
	$(BIN)/ansible-playbook -i inventory/rehearsal playbooks/rehearsal-down.yml
	$(BIN)/ansible-playbook -i inventory/rehearsal playbooks/rehearsal-up.yml

fleet: machines
	HOSTS=keep $(BIN)/python -m pytest --durations=15 -m "concurrent and not long" tests/rehearsal

lab: images
	HOSTS=keep $(BIN)/python -m pytest --durations=15 -m "concurrent and not long" --ignore=tests/integration/containers tests/integration

# Roles and images with containers of their own.
containers: images
	$(NICE) $(BIN)/python -m pytest --durations=15 -m "concurrent and not long" tests/integration/containers tests/collection

# Test programs on this machine, and the simulated EC2.
processes: setup
	$(NICE) $(BIN)/python -m pytest --numprocesses=3 --durations=15 tests/processes tests/ec2

# Load generators and servers as programs of this machine.
loads: setup
	$(BIN)/python -m pytest --numprocesses=4 --durations=15 tests/loads

measured: setup
	HOSTS=use $(BIN)/python -m pytest --durations=15 -m "not long and not concurrent" tests/integration tests/rehearsal

# Tests without Docker. TEST=tests/unit/grid or TEST=FILE::NAME runs one part and installs .venv only.
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
	command -v chromium >/dev/null && command -v docker-registry >/dev/null && command -v docker-compose >/dev/null && command -v javac >/dev/null && command -v zsh >/dev/null && command -v fish >/dev/null || $(BIN)/ansible-playbook -i localhost, playbooks/prepare-tests.yml

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(NICE) $(BIN)/mypy
	$(NICE) $(BIN)/ansible-lint

unit: setup
	$(BIN)/python -m pytest --numprocesses=auto tests/unit

integration: setup
	$(BIN)/python -m pytest tests/integration

# Test against a real nGrinder controller: make test-ngrinder WAR=/path/ngrinder-controller-3.5.9-p1.war
# JDK=/path/of/a/JDK/11 additionally runs controller and agent as programs of this machine.
test-ngrinder: setup
	$(if $(JDK),NGRINDER_WAR=$(abspath $(WAR)) NGRINDER_JDK=$(abspath $(JDK)) $(BIN)/python -m pytest tests/processes/test_ngrinder.py)
	NGRINDER_WAR=$(abspath $(WAR)) $(BIN)/python -m pytest -m "long or not long" tests/rehearsal/test_ngrinder.py

# Tests that take minutes longer: other releases of Debian, a host that builds its image, injected faults.
test-long: setup
	$(BIN)/python -m pytest -m long

benchmarks: setup
	$(BIN)/python -m benchmarks.speed

# The sample report in docs/ and its pictures, for a release. STUDY=results/NAME-HASH uses another study.
sample: setup
	$(BIN)/python -m benchmarks.sample $(STUDY)

# The approved pages in tests/golden/. Look at every page before a commit.
golden: setup
	$(BIN)/python -m tests.golden_study

# The tables of variables in the roles' READMEs, from the argument specs.
readmes: setup
	$(BIN)/python -m tests.role_readmes

# The pages of docs/reference/ that follow from the code's own descriptions.
reference:
	$(PYTHON) -m harness.bootstrap --dev
	$(BIN)/python -m docs.generate

# The catalogues of the report's languages: adds new messages, and removes those that the code no longer has.
messages:
	$(PYTHON) -m harness.bootstrap --dev
	$(BIN)/python -m docs.messages

# The website of docs/ in .cache/site, without network access. A unit test builds it, too.
site:
	$(PYTHON) -m harness.bootstrap --dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The locks, after a change of pyproject.toml or a requirements.in.
lock:
	$(BIN)/uv lock
	$(BIN)/uv export --quiet --no-header --frozen --no-dev --format requirements-txt -o requirements/run.txt
	$(BIN)/uv export --quiet --no-header --frozen --format requirements-txt -o requirements/dev.txt
	for name in service/requirements service/requirements-train roles/locust/files/image/requirements; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
	    --custom-compile-command "make lock" $$name.in -o $$name.txt || exit 1; \
	done
