// Solves one request: a line of JSON on stdin, {specs, channels, platforms}. Prints
// {packages: [{name, version, build}]}, or {unsolvable: why}. Anything else that goes wrong ends it with 1.
const { simpleSolve } = require("@conda-org/rattler");

async function main() {
  const { specs, channels, platforms } = JSON.parse(require("fs").readFileSync(0, "utf8"));
  try {
    const packages = await simpleSolve(specs, channels, platforms, []);
    return { packages: packages.map((p) => ({ name: p.packageName, version: p.version, build: p.build })) };
  } catch (err) {
    const why = String(err);
    if (!why.includes("Cannot solve the request")) throw err;
    return { unsolvable: why };
  }
}

main().then(
  (out) => console.log(JSON.stringify(out)),
  (err) => {
    console.error(String(err));
    process.exit(1);
  },
);
