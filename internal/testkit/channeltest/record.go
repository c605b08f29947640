package channeltest

// Index is info/index.json, and with the archive's facts a repodata record.
// Fields are in alphabetical order, as conda's tools write them.
type Index struct {
	Arch                   string   `json:"arch,omitempty"`
	Build                  string   `json:"build"`
	BuildNumber            int      `json:"build_number"`
	Constrains             []string `json:"constrains,omitempty"`
	Depends                []string `json:"depends"`
	License                string   `json:"license,omitempty"`
	MD5                    string   `json:"md5,omitempty"`
	Name                   string   `json:"name"`
	Noarch                 string   `json:"noarch,omitempty"`
	Platform               string   `json:"platform,omitempty"`
	PythonSitePackagesPath string   `json:"python_site_packages_path,omitempty"`
	SHA256                 string   `json:"sha256,omitempty"`
	SizeBytes              int64    `json:"size,omitempty"`
	Subdir                 string   `json:"subdir"`
	TimestampMillis        int64    `json:"timestamp,omitempty"`
	TrackFeatures          string   `json:"track_features,omitempty"`
	Version                string   `json:"version"`
}

// Record is one archive of a channel: what its index.json says, and what
// can be said of the archive from outside.
type Record struct {
	// Subdir and FileName place the archive in its channel.
	Subdir, FileName string
	SizeBytes        int64
	// MD5 and SHA256 are lower-case hex.
	MD5, SHA256 string
	// Index is info/index.json, without md5, sha256 and size.
	Index Index
}

// Path returns "subdir/file name".
func (r Record) Path() string { return r.Subdir + "/" + r.FileName }

// entry returns the record as repodata.json holds it.
func (r Record) entry() Index {
	e := r.Index
	e.MD5, e.SHA256, e.SizeBytes = r.MD5, r.SHA256, r.SizeBytes
	return e
}

func (p *Package) index() Index {
	idx := Index{
		Build:                  p.Build,
		BuildNumber:            p.BuildNumber,
		Constrains:             p.Constrains,
		Depends:                p.Depends,
		License:                p.License,
		Name:                   p.Name,
		Noarch:                 p.Noarch,
		PythonSitePackagesPath: p.PythonSitePackagesPath,
		Subdir:                 p.SubdirName(),
		TimestampMillis:        p.TimestampMillis,
		TrackFeatures:          p.TrackFeatures,
		Version:                p.Version,
	}
	if idx.Depends == nil {
		idx.Depends = []string{}
	}
	if idx.Subdir == Platform {
		idx.Arch, idx.Platform = "x86_64", "linux"
	}
	return idx
}
