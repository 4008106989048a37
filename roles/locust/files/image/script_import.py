"""Import your Locust script into a process of Locust, as Locust itself does, and remove it again.

Each load begins with a new import, as a new Locust would: what a load has changed in the script's modules, such as a
list of accounts that it uses up, is no part of the next one.
"""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Any

import gevent
import script_clients
import script_draws
import script_places
import script_users
from gevent import GreenletExit
from locust import argument_parser
from locust.env import Environment
from locust.event import EventHook
from locust.util.load_locustfile import load_locustfile
from script_places import ScriptFailed, place_of, problem_of
from script_spec import Script

NOT_OF_A_SCRIPT = ("start", "stop", "quit", "start_shape")  # calls of Locust's runner


class Importer:
    """The script of one process. `on_rejected` is called with a problem if the script calls the runner."""

    def __init__(self, environment: Environment, own_users: list[Any], on_rejected: Any) -> None:
        self._environment = environment
        self._own_users = own_users
        self._on_rejected = on_rejected
        self._restore: list[Any] = []
        self._handlers: dict[EventHook, int] = {}  # event → number of listeners before the import
        self._is_guarded = False

    def load(self, script: Script, env: dict[str, str], message: dict[str, Any], worker: int) -> None:
        """Import the script of a load; raises ScriptFailed with its problem."""
        self.unload()
        if not self._is_guarded:
            self._guard()
        script_places.folder = script.folder
        script_users.install()
        script_clients.use(for_script=True)
        self._remember()
        script_draws.reset(message["seed"], worker)
        self._environment.host = script_clients.target = message["url"]
        os.environ.update(env)
        os.chdir(script.folder)
        spawned: list[Any] = []

        def note(greenlet: Any) -> None:
            if place_of(None, greenlet.spawning_stack)["file"]:
                spawned.append(greenlet)

        gevent.Greenlet.add_spawn_callback(note)
        try:
            classes = self._import(script)
            self._use(classes, script)
            self._announce()
        except ScriptFailed:
            raise
        except (Exception, SystemExit) as failure:
            raise ScriptFailed(**problem_of(failure)) from failure
        finally:
            gevent.Greenlet.remove_spawn_callback(note)
            self._restore.append(lambda: gevent.killall(spawned, block=False))

    def unload(self) -> None:
        """Remove the script: its modules, listeners, environment variables and greenlets."""
        while self._restore:
            self._restore.pop()()
        environment = self._environment
        environment.user_classes = list(self._own_users)
        environment.host = environment.tags = environment.exclude_tags = None
        environment._tasks_filtered = False
        script_clients.use(for_script=False)
        script_users.current = None

    def _remember(self) -> None:
        """Record the state before an import, for its removal."""
        events, runner = self._environment.events, self._environment.runner
        hooks = {hook: list(hook._handlers) for hook in vars(events).values() if isinstance(hook, EventHook)}
        messages = dict(runner.custom_messages)
        modules, paths, variables, place = set(sys.modules), list(sys.path), dict(os.environ), Path.cwd()
        options = dict(vars(self._environment.parsed_options))

        def restore() -> None:
            for hook, handlers in hooks.items():
                hook._handlers[:] = handlers
            runner.custom_messages.clear()
            runner.custom_messages.update(messages)
            folder = os.path.realpath(script_places.folder) + os.sep
            for name in set(sys.modules) - modules:
                file = getattr(sys.modules[name], "__file__", None)
                if file and os.path.realpath(file).startswith(folder):
                    del sys.modules[name]
            sys.path[:] = paths
            os.environ.clear()
            os.environ.update(variables)
            os.chdir(place)
            given = vars(self._environment.parsed_options)
            given.clear()
            given.update(options)

        self._restore.append(restore)
        self._handlers = {hook: len(handlers) for hook, handlers in hooks.items()}

    def _import(self, script: Script) -> list[Any]:
        classes, shapes = load_locustfile(str(Path(script.folder) / script.file))
        if shapes:
            line = inspect.getsourcelines(type(shapes[0]))[1]
            what = f"{type(shapes[0]).__name__}: a LoadTestShape. The study sets the number of users. Fix: remove it"
            raise ScriptFailed(what, file=script.file, line=line)
        if not classes:
            raise ScriptFailed("no user class. Fix: add a class of HttpUser or FastHttpUser", file=script.file)
        missing = [name for name in script.users if name not in classes]
        if missing:
            allowed = ", ".join(sorted(classes))
            raise ScriptFailed(f"no user class {', '.join(missing)}. Allowed: {allowed}", file=script.file)
        found = [classes[name] for name in (script.users or classes)]
        return [each for each in found if each.weight > 0 or each.fixed_count > 0]

    def _use(self, classes: list[Any], script: Script) -> None:
        environment = self._environment
        environment.user_classes = classes
        environment.available_user_classes = {each.__name__: each for each in classes}
        environment.tags = list(script.tags) or None
        environment.exclude_tags = list(script.exclude_tags) or None
        environment._validate_user_class_name_uniqueness()
        environment.events.request._handlers.insert(0, script_clients.on_request)

    def _new(self, hook: EventHook) -> list[Any]:
        return [each for each in hook._handlers[self._handlers.get(hook, 0) :] if each != script_clients.on_request]

    def _announce(self) -> None:
        """Fire the events that Locust fires before a test, for the script's listeners only."""
        environment, events = self._environment, self._environment.events
        if handlers := self._new(events.init_command_line_parser):
            parser = argument_parser.get_empty_argument_parser()
            for handler in handlers:
                handler(parser)
            vars(environment.parsed_options).update(vars(parser.parse_known_args([])[0]))
        ui = environment.web_ui
        app = ui.app if ui is not None else None
        if ui is not None:  # a script may add pages, which nobody sees
            ui.app = type(app)(__name__)
        try:
            for handler in self._new(events.init):
                handler(environment=environment, runner=environment.runner, web_ui=ui)
        finally:
            if ui is not None:
                ui.app = app
        for handler in self._new(events.spawning_complete):
            place = events.spawning_complete._handlers.index(handler)
            events.spawning_complete._handlers[place] = _once_all_began(handler)

    def _guard(self) -> None:
        self._is_guarded = True
        runner = self._environment.runner
        for name in NOT_OF_A_SCRIPT:
            setattr(runner, name, self._guarded(name, getattr(runner, name)))

    def _guarded(self, name: str, call: Any) -> Any:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            place = place_of(sys._getframe(1) if _has_caller() else None, _spawning_stack())
            if place["file"]:
                self._on_rejected(f"runner.{name}(): the study starts and ends loads", place)
                raise GreenletExit
            return call(*args, **kwargs)

        return guarded


def _has_caller() -> bool:
    return sys._getframe(1).f_back is not None


def _spawning_stack() -> Any:
    return getattr(gevent.getcurrent(), "spawning_stack", None)


def _once_all_began(handler: Any) -> Any:
    """Call a listener when the last user has begun: all users exist at once, and begin during the ramp-up."""

    def listen(**kwargs: Any) -> None:
        load = script_users.current
        if load is None:
            handler(**kwargs)
        else:
            gevent.spawn_later(max(0.0, load.spec.ramp_up_s - load.now()), handler, **kwargs)

    return listen
