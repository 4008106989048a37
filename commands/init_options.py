"""Options of `study.py init`."""

from typing import Annotated

import typer

Image = Annotated[str, typer.Option(help="Image of your service. It is started once, and each request is sent once.")]
ServiceUrl = Annotated[
    str, typer.Option(help="Running service that receives each request once, instead of a started image.")
]
OpenApiFile = Annotated[str, typer.Option(help="OpenAPI document, version 3.0 or 3.1: a file or a URL.")]
Operations = Annotated[
    list[str] | None,
    typer.Option(help="Its operationId, or 'POST /items'; repeat for several. Without it, all that only read."),
]
HarFile = Annotated[str, typer.Option(help="Recording of a browser, a HAR file.")]
HarHost = Annotated[str, typer.Option(help="Host of the recording to use. Without it, the most frequent one.")]
AsSteps = Annotated[
    bool | None,
    typer.Option("--steps/--mix", help="Recorded requests in order, or by frequency. Without it, steps if one writes."),
]
Locustfile = Annotated[str, typer.Option(help="Your Locust script; it runs unmodified.")]
AccessLog = Annotated[
    str, typer.Option(help="Access log of nginx or Apache, or with JSON lines, plain or gzip: a mix by frequency.")
]
Hosts = Annotated[str, typer.Option(help="Inventory of your hosts. Without it, inventory/lab.")]
Port = Annotated[int | None, typer.Option(help="Port of the image. Without it, the one that it declares.")]
Health = Annotated[str, typer.Option(help="Path of the image's health check. Without it, found by trying.")]
Env = Annotated[
    list[str] | None,
    typer.Option(help="NAME=VALUE for the image; NAME alone takes the value of the environment, for secrets."),
]
Command = Annotated[str, typer.Option(help="Command of the image, instead of its own.")]
Users = Annotated[list[int] | None, typer.Option(help="Number of users; repeat for several. Without it, a search.")]
NewGrid = Annotated[str, typer.Option(help="File to write. Without it, NAME.yaml, by the image or the source.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]
Observe = Annotated[bool, typer.Option(help="Whether to start the image and send the requests.")]
Interactive = Annotated[bool, typer.Option("--interactive", help="Enter missing options as answers to questions.")]
