package synthetic

import "github.com/nasa-openscapes/corn/internal/testkit/channeltest"

// python are noarch: python packages.
func python() []channeltest.Package {
	distInfo := func(name, version, entryPoints string) []channeltest.File {
		dir := "site-packages/" + name + "-" + version + ".dist-info/"
		files := []channeltest.File{
			text(dir+"METADATA", "Metadata-Version: 2.1\nName: "+name+"\nVersion: "+version+"\n"),
			text(dir+"INSTALLER", "conda\n"),
		}
		if entryPoints != "" {
			files = append(files, text(dir+"entry_points.txt", entryPoints))
		}
		return files
	}
	return []channeltest.Package{
		{
			Name: "noarch-tool", Version: "1.0", Build: "py_0", Noarch: "python",
			Depends:     []string{"python >=3.9"},
			EntryPoints: []string{"noarch-tool = noarch_tool.cli:main", "noarch-tool-deep=noarch_tool.cli:Group.command"},
			Summary:     "entry points and a python-scripts folder",
			Files: append(distInfo("noarch_tool", "1.0", "[console_scripts]\nnoarch-tool = noarch_tool.cli:main\nnoarch-tool-deep = noarch_tool.cli:Group.command\n"),
				text("site-packages/noarch_tool/__init__.py", "__version__ = \"1.0\"\n"),
				text("site-packages/noarch_tool/cli.py", `import sys


def main():
    print("noarch-tool on", sys.prefix)


class Group:
    @staticmethod
    def command():
        print("noarch-tool-deep")
`),
				text("site-packages/noarch_tool/broken_template.py", "{% this is no Python, and never compiles %}\n"),
				script("python-scripts/noarch-script", "#!@PREFIX@/bin/python\nimport noarch_tool\nprint(\"noarch-script\", noarch_tool.__version__)\n"),
				text("share/noarch-tool/prefix.txt", "@PREFIX@/share/noarch-tool\n"),
			),
		},
		{
			Name: "webassets", Version: "1.0", Build: "py_0", Noarch: "python",
			Depends: []string{"python >=3.9"},
			Summary: "web assets below site-packages",
			Files: append(distInfo("webassets", "1.0", ""),
				text("site-packages/webassets/__init__.py", "import pathlib\n\nSTATIC = pathlib.Path(__file__).parent / \"static\"\n"),
				text("site-packages/webassets/static/index.html", "<!doctype html><title>webassets</title>\n"),
				text("site-packages/webassets/static/app.js", "console.log(\"webassets\");\n"),
				text("site-packages/webassets/static/app.js.map", "{}\n"),
				text("site-packages/webassets/static/style.css", "body { margin: 0 }\n"),
				text("site-packages/webassets/static/icon.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>\n"),
				text("site-packages/webassets/static/README.txt", "not a web asset\n"),
			),
		},
	}
}
