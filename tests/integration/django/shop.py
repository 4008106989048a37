"""A Django service whose requests need a database or a cache: each of four threads keeps a connection to either.

A request of /held, /locked, /computed and /cached needs the connection, a lock, the CPU of MariaDB, and that of Redis.
"""

import os

import django
import pymysql
import redis
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path

pymysql.version_info = (1, 4, 6, "final", 0)  # which Django requires of the driver that it stands for
pymysql.install_as_MySQLdb()
CACHE = redis.Redis(host=os.environ["CACHE_HOST"], password=os.environ["CACHE_PASSWORD"])
SPIN = "local n = 0; for i = 1, 1000000 do n = n + i end; return n"

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of-a-test",  # noqa: S106 - protects nothing
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.mysql",
            "HOST": os.environ["DATABASE_HOST"],
            "NAME": "app",
            "USER": "app",
            "PASSWORD": os.environ["DATABASE_PASSWORD"],
            "CONN_MAX_AGE": None,
        }
    },
)
django.setup()


def run(statement: str) -> HttpResponse:
    """Run a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
    return HttpResponse("done")


def locked(_: HttpRequest) -> HttpResponse:
    """Hold the lock of one row, which each request needs, for 50 ms."""
    with transaction.atomic():
        run("SELECT id FROM hot WHERE id = 1 FOR UPDATE")
        return run("DO SLEEP(0.05)")


urlpatterns = [
    path("healthz", lambda _: HttpResponse("ready")),
    path("held", lambda _: run("DO SLEEP(0.2)")),
    path("locked", locked),
    path("computed", lambda _: run("DO BENCHMARK(1000000, 1 + 1)")),
    path("cached", lambda _: HttpResponse(str(CACHE.eval(SPIN, 0)))),
]
application = WSGIHandler()
