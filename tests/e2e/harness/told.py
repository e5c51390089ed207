"""What a server tells of itself, as its commands print it."""
import json


def unattached(server):
    """By name: why, and whether it should be attached."""
    listed = json.loads(server.operate("status", "--json").stdout)["unattached"]
    return {each["name"]: (each["why"], each["wanted"]) for each in listed}


def health(server):
    done = server.operate("health", check=False)
    return done.returncode, done.stdout + done.stderr
