"""A JupyterHub whose servers are a program of the test that behaves as Jupyter does.

Set by the test: CORN_HUB_PORTS of the proxy, the hub and the proxy's API; CORN_HUB_DIR for its
files; CORN_HUB_SERVER, the program.
"""
import asyncio
import os

from jupyterhub.spawner import SimpleLocalProcessSpawner

public, private, proxy = os.environ["CORN_HUB_PORTS"].split()
folder = os.environ["CORN_HUB_DIR"]


class Images(SimpleLocalProcessSpawner):
    """Takes the option "image", and says what KubeSpawner says of one that is not there."""

    async def start(self):
        image = self.user_options.get("image", "a/b:v0")
        self.environment = {"CORN_FAKE_JUPYTER": image}
        self.cmd = [os.environ["CORN_HUB_SERVER"]]
        if "slow" in image:
            await asyncio.sleep(3)
        if "nosuch" in image:
            await asyncio.sleep(0.3)
            raise RuntimeError("pod did not start")
        return await super().start()

    async def progress(self):
        image = self.user_options.get("image", "a/b:v0")
        yield {"progress": 10, "message": f"Pulling image {image}"}
        if "nosuch" in image:
            yield {"progress": 20, "message": f"[Warning] Failed to pull image {image}: manifest unknown"}


c = get_config()  # noqa: F821  # JupyterHub's
c.JupyterHub.bind_url = f"http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{private}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{proxy}"
c.ConfigurableHTTPProxy.pid_file = f"{folder}/proxy.pid"
c.JupyterHub.db_url = f"sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = f"{folder}/cookie_secret"
c.JupyterHub.cleanup_servers = True
c.JupyterHub.allow_named_servers = True
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = Images
c.Spawner.ip = "127.0.0.1"
c.Spawner.env_keep = ["PATH"]
c.SimpleLocalProcessSpawner.home_dir_template = folder + "/{username}"
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0, "slow_stop_timeout": 0}
c.JupyterHub.services = [
    {"name": "admins", "api_token": "admin-token-of-the-test"},
    {"name": "deploy", "api_token": "deploy-token-of-the-test"},
    {"name": "weak", "api_token": "weak-token-of-the-test"},
]
c.JupyterHub.load_roles = [
    {"name": "admins", "services": ["admins"], "scopes": ["admin:users"]},
    {
        "name": "deploy",
        "services": ["deploy"],
        "scopes": ["list:users", "read:users:name", "read:servers", "servers", "access:servers", "read:hub"],
    },
    {"name": "weak", "services": ["weak"], "scopes": ["read:users:name", "read:servers"]},
]
