"""A server of the package moto that speaks S3 and lets nobody in without a key."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import requests

from tests.services import wait_for
from tests.toy import environment, free_port

_BUCKET = "restore"
_REGION = "us-east-1"


@dataclass(frozen=True)
class S3Server:
    """Where a server is, and what opens it."""

    url: str
    bucket: str
    secret: str
    variables: Mapping[str, str]
    """What a machine with access has in its environment."""


@contextmanager
def s3_server(host: str, home: Path) -> Iterator[S3Server]:
    """Run a server with an empty bucket at an address of this machine."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)]
    with (home / "s3.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=home, env=environment(), stdout=log, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://{host}:{port}"
        wait_for(url)
        yield _closed(url)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _closed(url: str) -> S3Server:
    """Make a bucket and somebody who may use it, and from then on ask everybody for a key."""
    anybody = {
        "endpoint_url": url,
        "region_name": _REGION,
        "aws_access_key_id": "anybody",
        "aws_secret_access_key": "anybody",
    }
    boto3.client("s3", **anybody).create_bucket(Bucket=_BUCKET)
    users = boto3.client("iam", **anybody)
    users.create_user(UserName="restore")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    users.put_user_policy(UserName="restore", PolicyName="s3", PolicyDocument=json.dumps(policy))
    key = users.create_access_key(UserName="restore")["AccessKey"]
    requests.post(f"{url}/moto-api/reset-auth", data="0", timeout=30).raise_for_status()
    secret = key["SecretAccessKey"]
    variables = {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": _REGION,
    }
    return S3Server(url=url, bucket=_BUCKET, secret=secret, variables=variables)
