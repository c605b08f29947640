"""A JupyterHub whose servers are containers on this machine.

It does what KubeSpawner does, with Docker in Kubernetes' place: the image is pulled when the
node lacks it, its CMD is replaced and its ENTRYPOINT kept, the home folder is an empty
volume, the user is uid 1000. One user can ask for another image, as an admin does to try one.

Set by the test: CORN_HUB_IMAGE; CORN_HUB_PORTS of the proxy, the hub and the proxy's API;
CORN_HUB_DIR for the hub's own files; CORN_HUB_TOKEN of an admin's service; CORN_HUB_LABEL on
the containers.
"""
import os

from jupyterhub.spawner import SimpleLocalProcessSpawner

public, private, proxy = os.environ["CORN_HUB_PORTS"].split()
folder = os.environ["CORN_HUB_DIR"]


class Containers(SimpleLocalProcessSpawner):
    async def start(self):
        command = ["docker", "run", "--rm", "--init", "--network", "host", "--user", "1000:100",
                   "--tmpfs", "/home/jovyan:exec,uid=1000,gid=100,mode=0755", "--label", os.environ["CORN_HUB_LABEL"]]
        for name in self.get_env():
            if name.startswith("JUPYTERHUB_"):
                command += ["--env", name]  # with the value that this process has
        image = self.user_options.get("image", os.environ["CORN_HUB_IMAGE"])
        self.cmd = command + [image, "jupyterhub-singleuser"]
        return await super().start()


c = get_config()  # noqa: F821  # JupyterHub's
c.JupyterHub.bind_url = f"http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{private}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{proxy}"
c.ConfigurableHTTPProxy.pid_file = f"{folder}/proxy.pid"
c.JupyterHub.db_url = f"sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = f"{folder}/cookie_secret"
c.JupyterHub.cleanup_servers = True
c.JupyterHub.allow_named_servers = True  # corn deploy hub tries images in one
c.JupyterHub.authenticator_class = "dummy"
c.JupyterHub.spawner_class = Containers
c.Spawner.ip = "127.0.0.1"
c.Spawner.env_keep = ["PATH", "DOCKER_HOST"]
c.SimpleLocalProcessSpawner.home_dir_template = folder + "/{username}"
c.Spawner.start_timeout = c.Spawner.http_timeout = 240  # the image is pulled meanwhile
# Answer "started" and "stopping" at once, as a hub does when that takes long.
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0, "slow_stop_timeout": 0}
c.JupyterHub.services = [{"name": "deploy", "api_token": os.environ["CORN_HUB_TOKEN"]}]
c.JupyterHub.load_roles = [{
    "name": "deploy",
    "services": ["deploy"],
    "scopes": ["admin:users", "list:users", "read:servers", "servers", "access:servers", "read:hub"],
}]
