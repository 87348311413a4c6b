"""What is served here, and who is this client? `fapictl up` wrote it down."""

import json
import socket
from pathlib import Path
from types import SimpleNamespace

from joserfc.jwk import import_key


def laptop(run_file, workspace_name, client_id):
    """One client of one Workspace, as its entry in run.json tells of it."""
    run_file = Path(run_file)
    workspaces = json.loads(run_file.read_text())["workspaces"]
    workspace = next(each for each in workspaces if each["name"] == workspace_name)
    me = next(each for each in workspace["clients"] if each["clientId"] == client_id)
    user = workspace["users"][0]
    place = lambda name: str(run_file.parent / name)
    keys = json.loads(Path(place(me["jwksPrivateFile"])).read_text())["keys"]
    for_use = lambda use: next((import_key(key) for key in keys if key["use"] == use), None)
    return SimpleNamespace(
        issuer=workspace["issuer"],
        client_id=client_id,
        method=me["method"],
        redirect_uri=me["redirectUri"],
        scope=" ".join(me["scopes"]),
        key=for_use("sig"),
        decryption_key=for_use("enc"),
        certificate=(place(me["certificateFile"]), place(me["keyFile"])),
        ca=place(workspace["caFile"]),
        accounts=workspace.get("resource", {}).get("url"),
        username=user["username"],
        password=Path(place(user["passwordFile"])).read_text().strip(),
    )


_resolve = socket.getaddrinfo


def _this_machine(host, *rest, **more):
    """Names below `localhost` are this machine (RFC 6761 6.3); not every resolver knows."""
    return _resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **more)


socket.getaddrinfo = _this_machine
