package synthetic

import "github.com/nasa-openscapes/corn/internal/testkit/channeltest"

// metadata are packages that matter for what their index.json or info/ says.
func metadata() []channeltest.Package {
	return []channeltest.Package{
		{
			Name: "variant", Version: "1.0", Build: "fast_0",
			Summary: "the variant to prefer",
			Files:   []channeltest.File{text("share/variant/which.txt", "fast\n")},
		},
		{
			Name: "variant", Version: "1.0", Build: "slow_1", BuildNumber: 1, TrackFeatures: "variant_slow",
			Summary: "the variant weighed down by a feature, in spite of its higher build number",
			Files:   []channeltest.File{text("share/variant/which.txt", "slow\n")},
		},
		{
			Name: "constrainer", Version: "1.0", Build: "h1_0",
			Constrains: []string{"constrained >=2"},
			Summary:    "needs no constrained, and allows only a new one",
			Files:      []channeltest.File{text("share/constrainer/data.txt", "data\n")},
		},
		{
			Name: "constrained", Version: "1.0", Build: "h1_0",
			Files: []channeltest.File{text("share/constrained/version.txt", "1.0\n")},
		},
		{
			Name: "constrained", Version: "2.0", Build: "h1_0", TimestampMillis: 1000,
			Files: []channeltest.File{text("share/constrained/version.txt", "2.0\n")},
		},
		{
			Name: "oldstyle", Version: "0.9", Build: "0", OldStyle: true,
			Placeholder: "/opt/anaconda1anaconda2anaconda3",
			Summary:     "an archive from before paths.json",
			Files: []channeltest.File{
				{Path: "bin/oldstyle", Mode: 0o755, Data: []byte("#!/bin/sh\necho /opt/anaconda1anaconda2anaconda3/share/oldstyle\n")},
				{Path: "lib/oldstyle.bin", Data: []byte("\x00/opt/anaconda1anaconda2anaconda3/lib\x00\x00")},
				{Path: "share/oldstyle/copied.txt", Data: []byte("copied\n"), NoLink: true},
				{Path: "share/oldstyle/link", Link: "copied.txt"},
			},
			// A line with a path alone means text with the default placeholder.
			Info: map[string][]byte{"has_prefix": []byte(
				"bin/oldstyle\n/opt/anaconda1anaconda2anaconda3 binary lib/oldstyle.bin\n")},
		},
		{
			Name: "emptydirs", Version: "1.0", Build: "h1_0",
			Summary: "directories that hold nothing",
			Files: []channeltest.File{
				{Path: "var/emptydirs", Dir: true},
				{Path: "var/emptydirs-private", Dir: true, Mode: 0o700},
				text("share/emptydirs/data.txt", "data\n"),
			},
		},
		{
			Name: "metapackage", Version: "1.0", Build: "0", Noarch: "generic",
			Depends: []string{"envvars", "softlinks >=1.0,<2"},
			Summary: "no files, only dependencies",
		},
		{
			Name: "generic-data", Version: "1.0", Build: "0", Noarch: "generic",
			Summary: "noarch: generic",
			Files:   []channeltest.File{text("share/generic-data/data.txt", "data for every platform\n")},
		},
	}
}
